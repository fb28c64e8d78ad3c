// The tile instructions that amx.c uses, on memory: included in their place when QUIRE_AMX_EMULATION is defined, so that the
// kernel is compared with the others on CPUs without AMX. By Intel's "Instruction Set Extensions Programming Reference": rows and
// bytes a row are those of the configuration; what a load leaves out is zero.
#pragma once
#include <stdint.h>
#include <string.h>

typedef struct {
  uint8_t palette, start, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} emulated_configuration;

typedef struct {
  uint8_t bytes[16][64];
} emulated_tile;

static _Thread_local emulated_configuration emulated_shape;
static _Thread_local emulated_tile emulated_tiles[8];

static inline void emulated_configure(const void *from) {
  memcpy(&emulated_shape, from, sizeof emulated_shape);
  memset(emulated_tiles, 0, sizeof emulated_tiles);
}

static inline void emulated_release(void) { memset(&emulated_shape, 0, sizeof emulated_shape); }

static inline void emulated_zero(int tile) { memset(&emulated_tiles[tile], 0, sizeof emulated_tiles[tile]); }

static inline void emulated_load(int tile, const void *from, size_t stride) {
  emulated_zero(tile);
  for (int r = 0; r < emulated_shape.rows[tile]; r++)
    memcpy(emulated_tiles[tile].bytes[r], (const char *)from + (size_t)r * stride, emulated_shape.row_bytes[tile]);
}

static inline void emulated_store(int tile, void *to, size_t stride) {
  for (int r = 0; r < emulated_shape.rows[tile]; r++)
    memcpy((char *)to + (size_t)r * stride, emulated_tiles[tile].bytes[r], emulated_shape.row_bytes[tile]);
}

// sums[m][n] += over quads q and i < 4: signed a[m][q][i] times b[q][n][i], signed or unsigned.
static inline void emulated_product(int sums, int a, int b, int is_unsigned) {
  for (int m = 0; m < emulated_shape.rows[sums]; m++)
    for (int n = 0; n < emulated_shape.row_bytes[sums] / 4; n++) {
      int32_t total;
      memcpy(&total, emulated_tiles[sums].bytes[m] + n * 4, 4);
      for (int q = 0; q < emulated_shape.row_bytes[a] / 4; q++)
        for (int i = 0; i < 4; i++) {
          const uint8_t weight = emulated_tiles[b].bytes[q][n * 4 + i];
          total += (int8_t)emulated_tiles[a].bytes[m][q * 4 + i] * (is_unsigned ? weight : (int8_t)weight);
        }
      memcpy(emulated_tiles[sums].bytes[m] + n * 4, &total, 4);
    }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbssd
#undef _tile_dpbsud
#define _tile_loadconfig emulated_configure
#define _tile_release emulated_release
#define _tile_zero emulated_zero
#define _tile_loadd emulated_load
#define _tile_stored emulated_store
#define _tile_dpbssd(sums, a, b) emulated_product(sums, a, b, 0)
#define _tile_dpbsud(sums, a, b) emulated_product(sums, a, b, 1)

// AMX with int8, for passes of many rows: tdpbsud multiplies 16 rows by 16 channels over 64 inputs. Fewer rows, and groups that
// are no multiple of 32, go through AVX-512 with VBMI, which every CPU with AMX has. Integer sums are exact, so the bits are the
// same.
//
// Operands. The signed activations are the first one, 16 rows of 64 bytes. They are therefore stored row by row, [rows][K], when
// there are enough rows for this kernel; quantize and gemm decide that by the same numbers. (Rows a multiple of 4096 bytes apart
// share a set of L1 and come from L2 each time: 2 KiB for 4 products, which take 64 cycles.) The unsigned weights are the second
// one, 16 quads of 16 channels: a panel of int8 is read as it is, other layouts are unpacked into 2 KiB first.
//
// Limit: 16,384 multiply-adds per tdpbsud, one in 16 cycles on Sapphire Rapids. A block of 32 rows by a panel has four tiles of
// sums. Each group ends with storing them and 64 times a conversion, a product and a multiply-add of 16 floats, for 8 tdpbsud
// with groups of 128: that, not tdpbsud, is what limits. This kernel was only run with emulated tiles (amx_emulation.h), for
// want of such a CPU; where there is one, dispatch.c compares it with the portable kernels before it is used, and it is used on
// request only (QUIRE_ISA=amx).
#include "tables.h"
#if defined(__x86_64__)
#include <immintrin.h>

#ifdef QUIRE_AMX_EMULATION
#include "amx_emulation.h"
#define TILE_FEATURES ""
#else
#define TILE_FEATURES ",amx-tile,amx-int8"
#define QUIRE_AMX_KERNELS quire_kernels_amx
#endif

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx2,fma,f16c" TILE_FEATURES))), apply_to = function)

#define QUIRE_F16C 1
#define QUIRE_DENSE_ROWS 4
#define QUIRE_DENSE_CHANNELS 4
#define QUIRE_ATTENTION_ROWS 8
#define QUIRE_INT8_DOTS 512
#include "floats.inc"
#include "avx512_vbmi_levels.inc"
#include "avx512_gemm.inc"

enum { TILE_ROWS = 16, BLOCK_ROWS = 2 * TILE_ROWS, STEP_MAX = 64 };

// Inputs of one product: 64, or 32 where groups are no multiple of it; 0 where AVX-512 multiplies.
INLINE int32_t step_of(const quire_activations *a) {
  if (a->rows < TILE_ROWS || a->group % 32 != 0) return 0;
  return a->group % STEP_MAX == 0 ? STEP_MAX : 32;
}

static void quantize_rows(const float *x, size_t stride, const quire_activations *a, int32_t first_tile, int32_t last_tile,
                          int32_t first_group, int32_t last_group) {
  if (!step_of(a)) return quantize(x, stride, a, first_tile, last_tile, first_group, last_group);
  size_t groups = (size_t)(a->columns / a->group), group = (size_t)a->group;
  for (int32_t row = first_tile * QUIRE_TILE; row < last_tile * QUIRE_TILE; row++) {
    size_t side = (size_t)(row / QUIRE_TILE) * QUIRE_TILE * groups + (size_t)(row % QUIRE_TILE);
    for (size_t g = (size_t)first_group; g < (size_t)last_group; g++) {
      float *scale = a->scales + side + g * QUIRE_TILE;
      int32_t *sum = a->sums + side + g * QUIRE_TILE;
      if (row < a->rows) {
        quantize_group(x + (size_t)row * stride + g * group, a->group, a->codes + (size_t)row * (size_t)a->columns + g * group, QUIRE_QUAD,
                       scale, sum);
      } else {
        *scale = 0;
        *sum = 0;
      }
    }
  }
}

#include "amx_tiles.inc"

#define TILES(name, layout, general) \
  static __attribute__((noinline)) void name(const quire_weights *w, const quire_activations *a, float *y, size_t stride, \
                                             int accumulate, int32_t first_panel, int32_t last_panel) { \
    tiles_of(layout, general, w, a, y, stride, accumulate, first_panel, last_panel); \
  }
TILES(int8_tiles, QUIRE_INT8, 0)
TILES(general_int8_tiles, QUIRE_INT8, 1)
TILES(int4_tiles, QUIRE_INT4, 0)
TILES(general_int4_tiles, QUIRE_INT4, 1)
TILES(nl4_tiles, QUIRE_NL4, 0)
TILES(half_nl4_tiles, QUIRE_NL4, 1)
TILES(nl3_tiles, QUIRE_NL3, 0)

static void gemm(const quire_weights *w, const quire_activations *a, float *y, size_t stride, int accumulate,
                 int32_t first_panel, int32_t last_panel) {
  int general = w->zeros || w->has_half_scales;
  if (!step_of(a)) return quire_kernels_avx512_vbmi.gemm(w, a, y, stride, accumulate, first_panel, last_panel);
  switch (w->layout) {
    case QUIRE_INT8: (general ? general_int8_tiles : int8_tiles)(w, a, y, stride, accumulate, first_panel, last_panel); break;
    case QUIRE_INT4: (general ? general_int4_tiles : int4_tiles)(w, a, y, stride, accumulate, first_panel, last_panel); break;
    case QUIRE_NL4: (general ? half_nl4_tiles : nl4_tiles)(w, a, y, stride, accumulate, first_panel, last_panel); break;
    case QUIRE_NL3: nl3_tiles(w, a, y, stride, accumulate, first_panel, last_panel); break;
  }
}

const quire_kernels QUIRE_AMX_KERNELS = {
  quantize_rows, gemm, dense, rms_norm, rotate, swiglu, attention, store_kv, widen, dequantize_row, exponential, rounding_error};

#ifndef QUIRE_AMX_EMULATION
uint64_t quire_amx_multiply(uint64_t rounds) {
  enum { PRODUCTS = 12 };
  static const uint8_t bytes[TILE_ROWS * 64] __attribute__((aligned(64)));
  configure(STEP_MAX);
  _tile_loadd(4, bytes, 64);
  _tile_loadd(6, bytes, 64);
  for (uint64_t r = 0; r < rounds; r++)
    for (int k = 0; k < PRODUCTS; k += 4) {
      _tile_dpbsud(0, 4, 6);
      _tile_dpbsud(1, 4, 6);
      _tile_dpbsud(2, 4, 6);
      _tile_dpbsud(3, 4, 6);
    }
  _tile_release();
  return rounds * PRODUCTS * TILE_ROWS * 16 * STEP_MAX;
}
#endif

#pragma clang attribute pop
#endif

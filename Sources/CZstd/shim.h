#pragma once
#include <stdint.h>
#include <zstd.h>
#include <zstd_errors.h>

// Constants whose macros Swift cannot import.
static const uint32_t quire_zstd_magic = ZSTD_MAGICNUMBER;
static const uint32_t quire_zstd_skippable_magic = ZSTD_MAGIC_SKIPPABLE_START;
static const uint64_t quire_zstd_size_unknown = ZSTD_CONTENTSIZE_UNKNOWN;
static const uint64_t quire_zstd_size_error = ZSTD_CONTENTSIZE_ERROR;

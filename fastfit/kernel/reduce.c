/* Averages of whole blocks, rounded as Pillow's Image.reduce rounds them; wider samples are summed in double. */
#include "kernel.h"

#define INLINE __attribute__((always_inline)) static inline

enum { MOST_NEIGHBORS = 8 }; /* pixels across of blocks whose sums are made for every pixel, as vectors */

/* Rows of a block of 8 bits, or what is left of one at the bottom. */
typedef struct {
    const uint8_t *src;
    int64_t src_row;
    int32_t width, rows, channels, fx;
    premultiplier *multiply; /* NULL: samples as they are */
} blocks;

/* Divide sums of 8 bits as Pillow does, by a reciprocal of 24 bits; of larger blocks it has none. */
static uint8_t average_8(uint64_t sum, uint64_t count) {
    if (count >= 1u << 24) return (uint8_t)((sum + count / 2) / count);
    uint32_t reciprocal = (uint32_t)(4294967296.0f / (float)(count << 8));
    return (uint8_t)(((uint32_t)(sum + count / 2) * reciprocal) >> 24);
}

static const uint8_t *row_of(const blocks *b, int y, uint8_t *tint) {
    const uint8_t *row = b->src + y * b->src_row;
    if (!b->multiply) return row;
    b->multiply(row, b->width, b->channels, tint);
    return tint;
}

/* Blocks whose sums fit into 16 bits: columns are summed, then every pixel and its neighbors to the right, of which each
   block's first is wanted. */
INLINE void reduce_small(const blocks *b, uint8_t *out, uint16_t *memory) {
    int64_t n = (int64_t)b->width * b->channels;
    uint16_t *sums = memory, *totals = sums + n;
    for (int64_t i = 0; i < n; i++) sums[i] = 0;
    for (int y = 0; y < b->rows; y++) {
        const uint8_t *row = row_of(b, y, (uint8_t *)(totals + n));
        for (int64_t i = 0; i < n; i++) sums[i] = (uint16_t)(sums[i] + row[i]);
    }
    for (int64_t i = 0; i < n; i++) totals[i] = sums[i];
    for (int64_t k = b->channels; k < (int64_t)b->fx * b->channels; k += b->channels)
        for (int64_t i = 0; i < n - k; i++) totals[i] = (uint16_t)(totals[i] + sums[i + k]);
    for (int x = 0; x < b->width; x += b->fx) {
        int across = x + b->fx < b->width ? b->fx : b->width - x;
        for (int c = 0; c < b->channels; c++)
            *out++ = average_8(totals[(int64_t)x * b->channels + c], (uint64_t)across * (uint64_t)b->rows);
    }
}

INLINE void reduce_large(const blocks *b, uint8_t *out, uint32_t *sums) {
    int64_t n = (int64_t)b->width * b->channels;
    for (int64_t i = 0; i < n; i++) sums[i] = 0;
    for (int y = 0; y < b->rows; y++) {
        const uint8_t *row = row_of(b, y, (uint8_t *)(sums + n));
        for (int64_t i = 0; i < n; i++) sums[i] += row[i];
    }
    for (int x = 0; x < b->width; x += b->fx) {
        int across = x + b->fx < b->width ? b->fx : b->width - x;
        for (int c = 0; c < b->channels; c++) {
            uint64_t sum = 0;
            for (int i = 0; i < across; i++) sum += sums[(int64_t)(x + i) * b->channels + c];
            *out++ = average_8(sum, (uint64_t)across * (uint64_t)b->rows);
        }
    }
}

INLINE void reduce_8(const blocks *b, uint8_t *out, void *memory) {
    if (b->fx <= MOST_NEIGHBORS && (int64_t)b->fx * b->rows <= 257)
        reduce_small(b, out, memory);
    else
        reduce_large(b, out, memory);
}

static void portable_reduce(const blocks *b, uint8_t *out, void *memory) { reduce_8(b, out, memory); }

#if defined(X86_64)
__attribute__((target("avx2"))) static void avx2_reduce(const blocks *b, uint8_t *out, void *memory) {
    reduce_8(b, out, memory);
}
#endif

static void reduce_bytes(const blocks *b, int level_number, uint8_t *out, void *memory) {
#if defined(X86_64)
    if (level_number == AVX2 || level_number == AVX512) {
        avx2_reduce(b, out, memory);
        return;
    }
#endif
    (void)level_number;
    portable_reduce(b, out, memory);
}

/* 16 bits and floats; multiplied by alpha, 16 bits become floats. */
static void reduce_wide(const blocks *b, int dtype, int weighted, uint8_t *out, double *sums) {
    int64_t n = (int64_t)b->width * b->channels, at = 0;
    float *tint = (float *)(sums + n);
    for (int64_t i = 0; i < n; i++) sums[i] = 0;
    for (int y = 0; y < b->rows; y++) {
        const uint8_t *row = b->src + y * b->src_row;
        if (weighted) premultiply_wide(row, dtype, b->width, b->channels, tint);
        for (int64_t i = 0; i < n; i++)
            sums[i] += weighted ? tint[i] : dtype == UINT16 ? ((const uint16_t *)row)[i] : ((const float *)row)[i];
    }
    for (int x = 0; x < b->width; x += b->fx) {
        int across = x + b->fx < b->width ? b->fx : b->width - x;
        for (int c = 0; c < b->channels; c++, at++) {
            double sum = 0;
            for (int i = 0; i < across; i++) sum += sums[(int64_t)(x + i) * b->channels + c];
            double mean = sum / ((double)across * b->rows);
            if (weighted || dtype == FLOAT32)
                ((float *)out)[at] = (float)mean;
            else
                ((uint16_t *)out)[at] = (uint16_t)(mean + 0.5);
        }
    }
}

/* Average blocks of fx x fy pixels; those at the right and at the bottom may be smaller. `weighted` multiplies colors by
   alpha first, and makes floats of 16 bits.

   `out` holds (height / fy) x (width / fx) pixels, both rounded up; `memory` has 12 bytes for each sample of a row. */
EXPORT void fastfit_reduce(
    const uint8_t *src, int64_t src_row, int width, int height, int channels, int dtype, int fx, int fy, int weighted,
    int level_number, uint8_t *out, void *memory
) {
    premultiplier *multiply = weighted ? level_at(level_number)->premultiply : NULL;
    int64_t bytes = dtype == UINT8 ? 1 : dtype == UINT16 && !weighted ? 2 : 4;
    for (int y = 0; y < height; y += fy) {
        blocks b = {src + y * src_row, src_row, width, y + fy < height ? fy : height - y, channels, fx, multiply};
        if (dtype == UINT8)
            reduce_bytes(&b, level_number, out, memory);
        else
            reduce_wide(&b, dtype, weighted, out, memory);
        out += (int64_t)((width - 1) / fx + 1) * channels * bytes;
    }
}

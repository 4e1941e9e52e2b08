/* Averages of whole blocks, rounded as Pillow's Image.reduce rounds them; wider samples are summed exactly. */
#include "kernel.h"

/* Divide sums of 8 bits as Pillow does, by a reciprocal of 24 bits; of larger blocks it has none. */
static uint8_t average_8(uint64_t sum, uint64_t count) {
    if (count >= 1u << 24) return (uint8_t)((sum + count / 2) / count);
    uint32_t reciprocal = (uint32_t)(4294967296.0f / (float)(count << 8));
    return (uint8_t)(((uint32_t)(sum + count / 2) * reciprocal) >> 24);
}

/* Sum rows, then neighbors: every pixel and the ones to its right, of which each block's first is wanted. Sums have 16
   bits where a block's fits, and loops are such that compilers turn them into vectors. */
#define REDUCE(name, sum_type)                                                                                        \
    static inline __attribute__((always_inline)) void name(                                                           \
        const uint8_t *src, int64_t src_row, int width, int rows, int channels, int fx, premultiplier *multiply,      \
        uint8_t *out, void *memory                                                                                    \
    ) {                                                                                                               \
        int64_t n = (int64_t)width * channels;                                                                        \
        sum_type *sums = memory, *totals = sums + n;                                                                  \
        uint8_t *tint = (uint8_t *)(totals + n);                                                                      \
        for (int64_t i = 0; i < n; i++) sums[i] = 0;                                                                  \
        for (int y = 0; y < rows; y++) {                                                                              \
            const uint8_t *row = src + y * src_row;                                                                   \
            if (multiply) multiply(row, width, channels, tint), row = tint;                                           \
            for (int64_t i = 0; i < n; i++) sums[i] = (sum_type)(sums[i] + row[i]);                                   \
        }                                                                                                             \
        int whole = width / fx;                                                                                       \
        for (int64_t i = 0; i < n; i++) totals[i] = sums[i];                                                          \
        for (int k = 1; k < fx; k++)                                                                                  \
            for (int64_t i = 0; i < n - (int64_t)k * channels; i++)                                                   \
                totals[i] = (sum_type)(totals[i] + sums[i + (int64_t)k * channels]);                                  \
        for (int x = 0; x < (width + fx - 1) / fx; x++) {                                                             \
            uint64_t across = (uint64_t)(x < whole ? fx : width - x * fx);                                            \
            for (int c = 0; c < channels; c++)                                                                        \
                *out++ = average_8(totals[(int64_t)x * fx * channels + c], across * (uint64_t)rows);                  \
        }                                                                                                             \
    }

REDUCE(reduce_words, uint16_t)
REDUCE(reduce_longs, uint32_t)

static inline __attribute__((always_inline)) void reduce_8(
    const uint8_t *src, int64_t src_row, int width, int rows, int channels, int fx, premultiplier *multiply,
    uint8_t *out, void *memory
) {
    if ((int64_t)fx * rows <= 257)
        reduce_words(src, src_row, width, rows, channels, fx, multiply, out, memory);
    else
        reduce_longs(src, src_row, width, rows, channels, fx, multiply, out, memory);
}

static void portable_reduce_8(
    const uint8_t *src, int64_t src_row, int width, int rows, int channels, int fx, premultiplier *multiply,
    uint8_t *out, void *memory
) {
    reduce_8(src, src_row, width, rows, channels, fx, multiply, out, memory);
}

#if defined(__x86_64__) || defined(_M_X64)
__attribute__((target("avx2"))) static void avx2_reduce_8(
    const uint8_t *src, int64_t src_row, int width, int rows, int channels, int fx, premultiplier *multiply,
    uint8_t *out, void *memory
) {
    reduce_8(src, src_row, width, rows, channels, fx, multiply, out, memory);
}
#else
#define avx2_reduce_8 portable_reduce_8
#endif

static void reduce_wide(
    const uint8_t *src, int64_t src_row, int width, int rows, int channels, int fx, int wide, uint8_t *out, double *sums
) {
    int64_t n = (int64_t)width * channels;
    for (int64_t i = 0; i < n; i++) sums[i] = 0;
    for (int y = 0; y < rows; y++) {
        const uint8_t *row = src + y * src_row;
        for (int64_t i = 0; i < n; i++) sums[i] += wide ? ((const float *)row)[i] : ((const uint16_t *)row)[i];
    }
    int64_t at = 0;
    for (int x = 0; x < width; x += fx) {
        int across = x + fx < width ? fx : width - x;
        for (int c = 0; c < channels; c++, at++) {
            double sum = 0;
            for (int i = 0; i < across; i++) sum += sums[(int64_t)(x + i) * channels + c];
            double mean = sum / ((double)across * rows);
            if (wide)
                ((float *)out)[at] = (float)mean;
            else
                ((uint16_t *)out)[at] = (uint16_t)(mean + 0.5);
        }
    }
}

/* Average blocks of fx x fy pixels; those at the right and at the bottom may be smaller.

   `out` holds (height / fy) x (width / fx) pixels, both rounded up; `memory` has 12 bytes for each sample of a row. */
EXPORT void fastfit_reduce(
    const uint8_t *src, int64_t src_row, int width, int height, int channels, int dtype, int fx, int fy, int weighted,
    int level_number, uint8_t *out, void *memory
) {
    premultiplier *multiply = weighted ? level_at(level_number)->premultiply : NULL;
    int64_t row = (int64_t)((width - 1) / fx + 1) * channels * (dtype == UINT8 ? 1 : dtype == UINT16 ? 2 : 4);
    for (int y = 0; y < height; y += fy, out += row) {
        int rows = y + fy < height ? fy : height - y;
        if (dtype == UINT8)
            (level_number ? avx2_reduce_8 : portable_reduce_8)(
                src + y * src_row, src_row, width, rows, channels, fx, multiply, out, memory
            );
        else
            reduce_wide(src + y * src_row, src_row, width, rows, channels, fx, dtype == FLOAT32, out, memory);
    }
}

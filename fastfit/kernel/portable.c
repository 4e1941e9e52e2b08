/* The passes in plain C, for any processor and compiler. Loops are such that compilers turn them into vectors. */
#include "kernel.h"

#define INLINE __attribute__((always_inline)) inline

INLINE static int sample_size(int dtype) { return dtype == UINT8 ? 1 : dtype == UINT16 ? 2 : 4; }

INLINE static double sample_at(const uint8_t *sample, int dtype) {
    return dtype == UINT8 ? *sample : dtype == UINT16 ? *(const uint16_t *)sample : *(const float *)sample;
}

static uint8_t rounded(int64_t sum) {
    int64_t level = (sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

/* Sums of 8 bits are whole numbers that doubles hold; others are floats. */
INLINE static void store(double sum, int dtype, uint8_t *dst, int64_t at) {
    if (dtype == UINT8)
        dst[at] = rounded((int64_t)sum);
    else
        ((float *)dst)[at] = (float)sum;
}

INLINE static int taps_of(const axis *a, int line, int dtype) {
    return dtype == UINT8 ? axis_taps(a, line) : axis_count(a)[line];
}

INLINE static double weight_at(const axis *a, int line, int tap, int dtype) {
    return dtype == UINT8 ? axis_weight(a, line, tap) : axis_doubles(a, line)[tap];
}

/* One sample after the other: for many channels, and for windows that are too long for chunks. */
INLINE static void across_singly(
    const strip *s, const axis *a, int from, int to, uint8_t *const *dst, int dtype
) {
    for (int x = from; x < to; x++) {
        int first = axis_first(a)[x], taps = taps_of(a, x, dtype);
        if (first + taps > s->width) taps = s->width - first; /* of a last unit the other weights are 0 */
        for (int i = 0; i < s->count; i++)
            for (int c = 0; c < s->channels; c++) {
                double sum = 0;
                for (int tap = 0; tap < taps; tap++) {
                    const uint8_t *sample = s->rows[i] + (first + tap) * s->pixel + c * sample_size(dtype);
                    sum += sample_at(sample, dtype) * weight_at(a, x, tap, dtype);
                }
                store(sum, dtype, dst[i], (int64_t)(x - from) * s->channels + c);
            }
    }
}

enum { LEAST_LINES = 128 }; /* of a chunk: so it stays in the first-level cache */

/* Doubles of a pixel in a chunk: of its channels, of 16 rows of 1 channel, 8 of 2 or 3, and 4 of 4. */
INLINE static int lanes_of(int channels) { return channels == 3 ? 24 : 16; }

INLINE static void gather(
    const uint8_t *const *rows, const strip *s, int channels, int dtype, int from, int to, double *chunk
) {
    int there = to < s->width ? to : s->width;
    for (int x = from; x < there; x++, chunk += lanes_of(channels))
        for (int row = 0; row < lanes_of(channels) / channels; row++)
            for (int c = 0; c < channels; c++)
                chunk[row * channels + c] = sample_at(rows[row] + x * s->pixel + c * sample_size(dtype), dtype);
    for (int i = 0; i < (to - there) * lanes_of(channels); i++) chunk[i] = 0; /* of a last unit */
}

/* Several rows at once: of a chunk of pixels, which serves all pixels of the result that need it. */
INLINE static void across_chunks(
    const strip *s, int channels, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *memory, int dtype
) {
    double *chunk = (double *)(void *)memory;
    const int lanes = lanes_of(channels), together = lanes / channels;
    int lines = chunk_lines(a), room = lines > LEAST_LINES ? lines : LEAST_LINES;
    for (int row = 0; row < s->count; row += together) {
        const uint8_t *rows[ROWS];
        for (int i = 0; i < together; i++) rows[i] = s->rows[row + i < s->count ? row + i : s->count - 1];
        for (int x = from; x < to;) {
            int begin = axis_first(a)[x], stop = x + 1, end = begin + taps_of(a, x, dtype);
            for (; stop < to && axis_first(a)[stop] + taps_of(a, stop, dtype) - begin <= room; stop++)
                end = axis_first(a)[stop] + taps_of(a, stop, dtype);
            gather(rows, s, channels, dtype, begin, end, chunk);
            for (; x < stop; x++) {
                double sums[24] = {0};
                const double *samples = chunk + (int64_t)(axis_first(a)[x] - begin) * lanes;
                for (int tap = 0; tap < taps_of(a, x, dtype); tap++, samples += lanes) {
                    double weight = weight_at(a, x, tap, dtype);
                    for (int lane = 0; lane < lanes; lane++) sums[lane] += samples[lane] * weight;
                }
                for (int lane = 0; lane < lanes && row + lane / channels < s->count; lane++) {
                    int64_t at = (int64_t)(x - from) * channels + lane % channels;
                    store(sums[lane], dtype, dst[row + lane / channels], at);
                }
            }
        }
    }
}

INLINE static void across(
    const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk, int dtype
) {
    switch (chunk_lines(a) > MOST_CHUNKED ? 0 : s->channels) {
    case 1: across_chunks(s, 1, a, from, to, dst, chunk, dtype); return;
    case 2: across_chunks(s, 2, a, from, to, dst, chunk, dtype); return;
    case 3: across_chunks(s, 3, a, from, to, dst, chunk, dtype); return;
    case 4: across_chunks(s, 4, a, from, to, dst, chunk, dtype); return;
    default: across_singly(s, a, from, to, dst, dtype);
    }
}

void portable_across_8(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    across(s, a, from, to, dst, chunk, UINT8);
}

void portable_across_16(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    across(s, a, from, to, dst, chunk, UINT16);
}

void portable_across_float(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    across(s, a, from, to, dst, chunk, FLOAT32);
}

enum { BLOCK = 256 }; /* samples whose sums stay in the first-level cache, and in less stack than Windows probes */

/* Sums by the lower and the upper halves of the weights: (upper << 16) + lower is the sum modulo 2^32, as Pillow's is. */
void portable_down_8(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    (void)chunk;
    for (int64_t at = 0; at < n; at += BLOCK) {
        int part = n - at < BLOCK ? (int)(n - at) : BLOCK;
        uint32_t low[BLOCK];
        uint16_t high[BLOCK];
        for (int i = 0; i < BLOCK; i++) low[i] = 1u << (WEIGHT_BITS - 1), high[i] = 0;
        for (int tap = 0; tap < axis_taps(a, line); tap += 2) {
            const uint8_t *one = rows[tap] + at, *two = rows[tap + 1] + at;
            int weight1 = axis_weight(a, line, tap), weight2 = axis_weight(a, line, tap + 1);
            int16_t low1 = (int16_t)weight1, low2 = (int16_t)weight2;
            uint16_t high1 = (uint16_t)((weight1 - low1) >> 16), high2 = (uint16_t)((weight2 - low2) >> 16);
            for (int i = 0; i < part; i++) {
                low[i] += (uint32_t)((int16_t)one[i] * low1) + (uint32_t)((int16_t)two[i] * low2);
                high[i] = (uint16_t)(high[i] + (uint16_t)(one[i] * high1) + (uint16_t)(two[i] * high2));
            }
        }
        for (int i = 0; i < part; i++) {
            int32_t level = (int32_t)(low[i] + ((uint32_t)high[i] << 16)) >> WEIGHT_BITS;
            level = level < 0 ? 0 : level;
            dst[at + i] = (uint8_t)(level > 255 ? 255 : level);
        }
    }
}

/* 16 bits and floats are summed tap after tap, as Pillow sums its mode F; results are floats. */
INLINE static void down_wide(
    const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, int dtype
) {
    const double *w = axis_doubles(a, line);
    double sums[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        int part = n - at < BLOCK ? (int)(n - at) : BLOCK;
        for (int i = 0; i < part; i++) sums[i] = 0;
        for (int tap = 0; tap < axis_count(a)[line]; tap++) {
            const uint8_t *row = rows[tap] + at * sample_size(dtype);
            for (int i = 0; i < part; i++) sums[i] += sample_at(row + i * sample_size(dtype), dtype) * w[tap];
        }
        for (int i = 0; i < part; i++) ((float *)dst)[at + i] = (float)sums[i];
    }
}

void portable_down_16(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    (void)chunk;
    down_wide(rows, n, a, line, dst, UINT16);
}

void portable_down_float(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    (void)chunk;
    down_wide(rows, n, a, line, dst, FLOAT32);
}

const level portable_level = {
    {portable_across_8, portable_across_16, portable_across_float},
    {portable_down_8, portable_down_16, portable_down_float},
    premultiply,
    unpremultiply,
    ROWS / 2,
    2,
};

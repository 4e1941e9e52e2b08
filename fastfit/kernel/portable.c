/* The passes in plain C: for any processor and compiler, any number of channels, and windows of any length. */
#include "kernel.h"

static uint8_t rounded(uint32_t sum) {
    int32_t level = (int32_t)sum >> WEIGHT_BITS;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void across_8(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    (void)chunk;
    for (int x = from; x < to; x++) {
        const pair *pairs = axis_pairs(a, x);
        int first = axis_first(a)[x], taps = 2 * axis_count(a)[x];
        if (first + taps > s->width) taps = s->width - first; /* the last pair's second weight is 0 */
        for (int i = 0; i < s->count; i++)
            for (int c = 0; c < s->channels; c++) {
                const uint8_t *sample = s->rows[i] + first * s->pixel + c;
                uint32_t sum = 1u << (WEIGHT_BITS - 1);
                for (int tap = 0; tap < taps; tap++)
                    sum += (uint32_t)sample[tap * s->pixel] * (uint32_t)pair_weight(pairs[tap / 2], tap & 1);
                dst[i][(int64_t)(x - from) * s->channels + c] = rounded(sum);
            }
    }
}

enum { BLOCK = 256 }; /* samples whose sums stay in the first-level cache */

static void down_8(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    const pair *pairs = axis_pairs(a, line);
    uint32_t sums[BLOCK];
    (void)chunk;
    for (int64_t at = 0; at < n; at += BLOCK) {
        int part = n - at < BLOCK ? (int)(n - at) : BLOCK;
        for (int i = 0; i < part; i++) sums[i] = 1u << (WEIGHT_BITS - 1);
        for (int k = 0; k < axis_count(a)[line]; k++) {
            const uint8_t *one = rows[2 * k] + at, *two = rows[2 * k + 1] + at;
            uint32_t w1 = (uint32_t)pair_weight(pairs[k], 0), w2 = (uint32_t)pair_weight(pairs[k], 1);
            for (int i = 0; i < part; i++) sums[i] += one[i] * w1 + two[i] * w2;
        }
        for (int i = 0; i < part; i++) dst[at + i] = rounded(sums[i]);
    }
}

/* 16 bits and floats are summed in double, tap after tap, as Pillow sums its mode F; results are floats. */
static inline double sample_at(const uint8_t *samples, int64_t i, int wide) {
    return wide ? ((const float *)samples)[i] : ((const uint16_t *)samples)[i];
}

static inline void across_wide(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, int wide) {
    int64_t step = s->pixel / (wide ? 4 : 2);
    for (int x = from; x < to; x++) {
        const double *w = axis_doubles(a, x);
        int first = axis_first(a)[x], taps = axis_count(a)[x];
        for (int i = 0; i < s->count; i++)
            for (int c = 0; c < s->channels; c++) {
                double sum = 0;
                for (int tap = 0; tap < taps; tap++) sum += sample_at(s->rows[i], (first + tap) * step + c, wide) * w[tap];
                ((float *)dst[i])[(int64_t)(x - from) * s->channels + c] = (float)sum;
            }
    }
}

static inline void down_wide(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, int wide) {
    const double *w = axis_doubles(a, line);
    double sums[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        int part = n - at < BLOCK ? (int)(n - at) : BLOCK;
        for (int i = 0; i < part; i++) sums[i] = 0;
        for (int tap = 0; tap < axis_count(a)[line]; tap++)
            for (int i = 0; i < part; i++) sums[i] += sample_at(rows[tap], at + i, wide) * w[tap];
        for (int i = 0; i < part; i++) ((float *)dst)[at + i] = (float)sums[i];
    }
}

static void across_16(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    (void)chunk;
    across_wide(s, a, from, to, dst, 0);
}

static void across_float(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    (void)chunk;
    across_wide(s, a, from, to, dst, 1);
}

static void down_16(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    (void)chunk;
    down_wide(rows, n, a, line, dst, 0);
}

static void down_float(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    (void)chunk;
    down_wide(rows, n, a, line, dst, 1);
}

const level portable_level = {
    {across_8, across_16, across_float}, {down_8, down_16, down_float}, premultiply, unpremultiply
};

/* The passes for 16 bits and floats with AVX2: four doubles at once, multiplied and added tap after tap, so that sums
   are those of the portable level and of Pillow's mode F to the last bit. */
#include "kernel.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#include <string.h>

#define INLINE __attribute__((target("avx2"), always_inline)) static inline
#define LEVEL __attribute__((target("avx2")))

typedef __m256d quad;

INLINE quad widened(const uint8_t *samples, int wide) { /* four samples in a row */
    if (wide) return _mm256_cvtps_pd(_mm_loadu_ps((const float *)samples));
    return _mm256_cvtepi32_pd(_mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i *)samples)));
}

INLINE quad apart(const uint8_t *const *rows, int64_t at, int channels, int wide) {
    double v[4];
    for (int i = 0; i < 4; i++) {
        const uint8_t *sample = rows[i / channels] + at + i % channels * (wide ? 4 : 2);
        v[i] = wide ? *(const float *)sample : *(const uint16_t *)sample;
    }
    return _mm256_setr_pd(v[0], v[1], v[2], v[3]);
}

/* Load the q-th four lanes at byte `at` of the rows: of 3 or 4 channels a pixel of row q, of 2 of rows 2q and 2q + 1, of
   1 of rows 4q to 4q + 3. The last pixel of 3 channels has nothing behind it. */
INLINE quad load(const uint8_t *const *rows, int q, int64_t at, int channels, int wide, int last) {
    if (channels < 3) return apart(rows + q * 4 / channels, at, channels, wide);
    if (channels == 3 && last) {
        uint8_t bytes[16] = {0};
        memcpy(bytes, rows[q] + at, wide ? 12 : 6);
        return widened(bytes, wide);
    }
    return widened(rows[q] + at, wide);
}

enum { QUADS = 4 };

INLINE void store(const quad *sums, int channels, int64_t at, uint8_t *const *dst) {
    for (int q = 0; q < QUADS; q++) {
        float v[4];
        _mm_storeu_ps(v, _mm256_cvtpd_ps(sums[q]));
        if (channels >= 3)
            memcpy(dst[q] + at, v, (size_t)channels * 4);
        else
            for (int i = 0; i < 4; i++) memcpy(dst[(4 * q + i) / channels] + at + (4 * q + i) % channels * 4, &v[i], 4);
    }
}

INLINE void across(const strip *s, int channels, const axis *a, int from, int to, uint8_t *const *dst, int wide) {
    const int together = channels < 3 ? QUADS * 4 / channels : QUADS; /* rows */
    for (int row = 0; row < s->count; row += together) {
        const uint8_t *rows[ROWS];
        uint8_t *targets[ROWS];
        for (int i = 0; i < together; i++) { /* rows that are not there are the last one once more */
            int own = row + i < s->count ? row + i : s->count - 1;
            rows[i] = s->rows[own];
            targets[i] = dst[own];
        }
        for (int x = from; x < to; x++) {
            const double *w = axis_doubles(a, x);
            int first = axis_first(a)[x], count = axis_count(a)[x];
            quad sums[QUADS] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
            int inside = first + count < s->width ? count : s->width - 1 - first;
            for (int tap = 0; tap < inside; tap++) {
                const quad weight = _mm256_set1_pd(w[tap]);
                for (int q = 0; q < QUADS; q++) {
                    quad v = load(rows, q, (first + tap) * s->pixel, channels, wide, 0);
                    sums[q] = _mm256_add_pd(sums[q], _mm256_mul_pd(v, weight));
                }
            }
            for (int tap = inside; tap < count; tap++)
                for (int q = 0; q < QUADS; q++) {
                    quad v = load(rows, q, (first + tap) * s->pixel, channels, wide, 1);
                    sums[q] = _mm256_add_pd(sums[q], _mm256_mul_pd(v, _mm256_set1_pd(w[tap])));
                }
            store(sums, channels, (int64_t)(x - from) * channels * 4, targets);
        }
    }
}

INLINE void across_any(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk, int wide) {
    switch (s->channels) {
    case 1: across(s, 1, a, from, to, dst, wide); break;
    case 2: across(s, 2, a, from, to, dst, wide); break;
    case 3: across(s, 3, a, from, to, dst, wide); break;
    case 4: across(s, 4, a, from, to, dst, wide); break;
    default: portable_level.across[wide ? FLOAT32 : UINT16](s, a, from, to, dst, chunk);
    }
}

INLINE void down(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, int wide) {
    const double *w = axis_doubles(a, line);
    int count = axis_count(a)[line], bytes = wide ? 4 : 2;
    int64_t at = 0;
    for (; at + 16 <= n; at += 16) {
        quad sums[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
        for (int tap = 0; tap < count; tap++) {
            const quad weight = _mm256_set1_pd(w[tap]);
            for (int q = 0; q < 4; q++) {
                quad v = widened(rows[tap] + (at + 4 * q) * bytes, wide);
                sums[q] = _mm256_add_pd(sums[q], _mm256_mul_pd(v, weight));
            }
        }
        for (int q = 0; q < 4; q++) _mm_storeu_ps((float *)dst + at + 4 * q, _mm256_cvtpd_ps(sums[q]));
    }
    for (; at < n; at++) {
        double sum = 0;
        for (int tap = 0; tap < count; tap++) {
            const uint8_t *sample = rows[tap] + at * bytes;
            sum += (wide ? *(const float *)sample : *(const uint16_t *)sample) * w[tap];
        }
        ((float *)dst)[at] = (float)sum;
    }
}

LEVEL void avx2_across_16(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    across_any(s, a, from, to, dst, chunk, 0);
}

LEVEL void avx2_across_float(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    across_any(s, a, from, to, dst, chunk, 1);
}

LEVEL void avx2_down_16(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    (void)chunk;
    down(rows, n, a, line, dst, 0);
}

LEVEL void avx2_down_float(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    (void)chunk;
    down(rows, n, a, line, dst, 1);
}
#endif

/* The passes for 16 bits and floats with AVX2: four doubles at once, multiplied and added tap after tap, so that sums
   are those of the portable level and of Pillow's mode F to the last bit. */
#include "kernel.h"

#if defined(X86_64)
#include <immintrin.h>

#define INLINE __attribute__((target("avx2"), always_inline)) static inline
#define LEVEL __attribute__((target("avx2")))

typedef __m256d four;

enum { FOURS = 4 }; /* of a pixel in a chunk: of 1 channel 16 rows, of 2 eight, of 3 and 4 four */

INLINE int rows_at_once(int channels) { return channels == 1 ? 16 : channels == 2 ? 8 : 4; }

INLINE double sample_at(const uint8_t *sample, int wide) {
    return wide ? *(const float *)sample : *(const uint16_t *)sample;
}

/* Four samples that lie side by side. */
INLINE four side_by_side(const uint8_t *samples, int wide) {
    if (wide) return _mm256_cvtps_pd(_mm_loadu_ps((const float *)samples));
    return _mm256_cvtepi32_pd(_mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i *)samples)));
}

/* The q-th four samples at byte `at` of the rows; `last` if nothing may be read behind the pixel. */
INLINE four four_at(const uint8_t *const *rows, int q, int64_t at, int channels, int wide, int last) {
    const int size = wide ? 4 : 2;
    double v[4] = {0, 0, 0, 0};
    if (channels == 4 || (channels == 3 && !last)) return side_by_side(rows[q] + at, wide);
    if (channels == 3)
        for (int i = 0; i < 3; i++) v[i] = sample_at(rows[q] + at + i * size, wide);
    else
        for (int i = 0; i < 4; i++)
            v[i] = sample_at(rows[(4 * q + i) / channels] + at + (4 * q + i) % channels * size, wide);
    return _mm256_setr_pd(v[0], v[1], v[2], v[3]);
}

/* Four pixels of four rows of one channel, turned: of each pixel the four rows. */
INLINE void turned(const uint8_t *const *rows, int64_t at, int wide, four *chunk) {
    four a = side_by_side(rows[0] + at, wide), b = side_by_side(rows[1] + at, wide);
    four c = side_by_side(rows[2] + at, wide), d = side_by_side(rows[3] + at, wide);
    four ab = _mm256_unpacklo_pd(a, b), cd = _mm256_unpacklo_pd(c, d);
    four ba = _mm256_unpackhi_pd(a, b), dc = _mm256_unpackhi_pd(c, d);
    chunk[0] = _mm256_permute2f128_pd(ab, cd, 0x20);
    chunk[FOURS] = _mm256_permute2f128_pd(ba, dc, 0x20);
    chunk[2 * FOURS] = _mm256_permute2f128_pd(ab, cd, 0x31);
    chunk[3 * FOURS] = _mm256_permute2f128_pd(ba, dc, 0x31);
}

/* Put pixels [from, to) of the rows into the chunk, as doubles. */
INLINE void gather(
    const uint8_t *const *rows, const strip *s, int channels, int wide, int from, int to, four *chunk
) {
    int x = from;
    if (channels == 1)
        for (; x + 4 <= to; x += 4, chunk += 4 * FOURS)
            for (int q = 0; q < FOURS; q++) turned(rows + 4 * q, x * s->pixel, wide, chunk + q);
    for (; x < to; x++, chunk += FOURS)
        for (int q = 0; q < FOURS; q++) chunk[q] = four_at(rows, q, x * s->pixel, channels, wide, x + 1 == s->width);
}

INLINE void multiply(const four *chunk, const double *weights, int count, four *sums) {
    for (int q = 0; q < FOURS; q++) sums[q] = _mm256_setzero_pd();
    for (int tap = 0; tap < count; tap++, chunk += FOURS) {
        const four weight = _mm256_set1_pd(weights[tap]);
        for (int q = 0; q < FOURS; q++) sums[q] = _mm256_add_pd(sums[q], _mm256_mul_pd(chunk[q], weight));
    }
}

INLINE void store(const four *sums, int channels, int64_t at, uint8_t *const *dst) {
    for (int q = 0; q < FOURS; q++) {
        float v[4];
        _mm_storeu_ps(v, _mm256_cvtpd_ps(sums[q]));
        if (channels >= 3)
            COPY(dst[q] + at, v, (size_t)channels * 4);
        else
            for (int i = 0; i < 4; i++) COPY(dst[(4 * q + i) / channels] + at + (4 * q + i) % channels * 4, &v[i], 4);
    }
}

INLINE int end_of(const axis *a, int line) { return axis_first(a)[line] + axis_count(a)[line]; }

INLINE void across(
    const strip *s, int channels, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk, int wide
) {
    int lines = chunk_lines(a), room = lines > LEAST_CHUNKED ? lines : LEAST_CHUNKED;
    for (int row = 0; row < s->count; row += rows_at_once(channels)) {
        const uint8_t *rows[ROWS];
        uint8_t *targets[ROWS];
        for (int i = 0; i < rows_at_once(channels); i++) { /* rows that are not there are the last one once more */
            int own = row + i < s->count ? row + i : s->count - 1;
            rows[i] = s->rows[own];
            targets[i] = dst[own];
        }
        for (int x = from; x < to;) {
            int begin = axis_first(a)[x], stop = x + 1;
            while (stop < to && end_of(a, stop) - begin <= room) stop++;
            gather(rows, s, channels, wide, begin, end_of(a, stop - 1), (four *)chunk);
            for (; x < stop; x++) {
                four sums[FOURS];
                const four *first = (const four *)chunk + (int64_t)(axis_first(a)[x] - begin) * FOURS;
                multiply(first, axis_doubles(a, x), axis_count(a)[x], sums);
                store(sums, channels, (int64_t)(x - from) * channels * 4, targets);
            }
        }
    }
}

INLINE void across_any(const strip *s, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk, int wide) {
    switch (s->channels) {
    case 1: across(s, 1, a, from, to, dst, chunk, wide); return;
    case 2: across(s, 2, a, from, to, dst, chunk, wide); return;
    case 3: across(s, 3, a, from, to, dst, chunk, wide); return;
    default: across(s, 4, a, from, to, dst, chunk, wide);
    }
}

INLINE void down(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, int wide) {
    const double *weights = axis_doubles(a, line);
    int count = axis_count(a)[line], size = wide ? 4 : 2;
    int64_t at = 0;
    for (; at + 4 * FOURS <= n; at += 4 * FOURS) {
        four sums[FOURS] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
        for (int tap = 0; tap < count; tap++) {
            const four weight = _mm256_set1_pd(weights[tap]);
            for (int q = 0; q < FOURS; q++) {
                four samples = side_by_side(rows[tap] + (at + 4 * q) * size, wide);
                sums[q] = _mm256_add_pd(sums[q], _mm256_mul_pd(samples, weight));
            }
        }
        for (int q = 0; q < FOURS; q++) _mm_storeu_ps((float *)dst + at + 4 * q, _mm256_cvtpd_ps(sums[q]));
    }
    for (; at < n; at++) {
        double sum = 0;
        for (int tap = 0; tap < count; tap++) sum += sample_at(rows[tap] + at * size, wide) * weights[tap];
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

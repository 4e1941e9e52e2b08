/* The pass down for 8 bits with AVX2: 32 samples of a row at once, whatever their channels.

   Two rows are interleaved to pairs of bytes. The upper halves of the weights fit into 8 bits: one pmaddubsw multiplies
   16 pairs by them. Their sums need 16 bits only, for they count 65,536 times in sums modulo 2^32 (see avx2_across.c).
   For the lower halves, pairs become 16-bit numbers, for pmaddwd. */
#include "kernel.h"

#if defined(X86_64)
#include <immintrin.h>

#define INLINE __attribute__((target("avx2"), always_inline)) static inline
#define LEVEL __attribute__((target("avx2")))

typedef __m256i vector;

INLINE vector load(const uint8_t *row) { return _mm256_loadu_si256((const vector *)row); }

INLINE void block(const uint8_t *const *rows, int64_t at, const pair *weights, const int32_t *upper, int count, uint8_t *dst) {
    const vector zero = _mm256_setzero_si256(), half = _mm256_set1_epi32(1 << (WEIGHT_BITS - 1));
    vector low[4] = {half, half, half, half}, high[2] = {zero, zero};
    for (int k = 0; k < count; k++) {
        vector one = load(rows[2 * k] + at), two = load(rows[2 * k + 1] + at);
        vector pairs[2] = {_mm256_unpacklo_epi8(one, two), _mm256_unpackhi_epi8(one, two)};
        const vector lower = _mm256_set1_epi32(weights[k].low), most = _mm256_set1_epi32(upper[k]);
        for (int i = 0; i < 2; i++) {
            high[i] = _mm256_add_epi16(high[i], _mm256_maddubs_epi16(pairs[i], most));
            vector first = _mm256_unpacklo_epi8(pairs[i], zero), second = _mm256_unpackhi_epi8(pairs[i], zero);
            low[2 * i] = _mm256_add_epi32(low[2 * i], _mm256_madd_epi16(first, lower));
            low[2 * i + 1] = _mm256_add_epi32(low[2 * i + 1], _mm256_madd_epi16(second, lower));
        }
    }
    for (int i = 0; i < 2; i++) {
        low[2 * i] = _mm256_add_epi32(low[2 * i], _mm256_unpacklo_epi16(zero, high[i]));
        low[2 * i + 1] = _mm256_add_epi32(low[2 * i + 1], _mm256_unpackhi_epi16(zero, high[i]));
    }
    for (int i = 0; i < 4; i++) low[i] = _mm256_srai_epi32(low[i], WEIGHT_BITS);
    vector bytes = _mm256_packus_epi16(_mm256_packs_epi32(low[0], low[1]), _mm256_packs_epi32(low[2], low[3]));
    _mm256_storeu_si256((vector *)(dst + at), bytes);
}

INLINE void row(const uint8_t *const *rows, int64_t n, const pair *weights, const int32_t *upper, int count, uint8_t *dst) {
    for (int64_t at = 0; at + 32 <= n; at += 32) block(rows, at, weights, upper, count, dst);
    if (n % 32) block(rows, n - 32, weights, upper, count, dst); /* some once more */
}

LEVEL void avx2_down_8(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    int count = axis_count(a)[line];
    if (n < 32 || chunk_lines(a) > MOST_CHUNKED) {
        portable_down_8(rows, n, a, line, dst, chunk);
        return;
    }
    const pair *weights = axis_pairs(a, line);
    int32_t *upper = (int32_t *)chunk;
    for (int k = 0; k < count; k++) {
        int32_t two = (weights[k].high & 0xff) | (weights[k].high >> 8 & 0xff00);
        upper[k] = (int32_t)((uint32_t)two * 0x10001u);
    }
    switch (count) {
    case 1: row(rows, n, weights, upper, 1, dst); break;
    case 2: row(rows, n, weights, upper, 2, dst); break;
    case 3: row(rows, n, weights, upper, 3, dst); break;
    case 4: row(rows, n, weights, upper, 4, dst); break;
    default: row(rows, n, weights, upper, count, dst);
    }
}
#endif

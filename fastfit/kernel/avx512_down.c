/* The pass down for 8 bits with AVX-512 and VNNI: 64 samples of a row at once, whatever their channels.

   Four rows are interleaved to quads of bytes, for vpdpbusd by three digits of weights: see avx512_across.c. */
#include "kernel.h"

#if defined(X86_64)
#include <immintrin.h>

#define TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"
#define INLINE __attribute__((target(TARGET), always_inline)) static inline
#define LEVEL __attribute__((target(TARGET)))

typedef __m512i vector;

enum { BLOCK = 64 };

/* Make the samples of a block that `mask` names. */
INLINE void block(const uint8_t *const *rows, int64_t at, const quad *weights, int count, __mmask64 mask, uint8_t *dst) {
    vector low[4], middle[4], high[4];
    for (int i = 0; i < 4; i++) {
        low[i] = _mm512_set1_epi32(1 << (WEIGHT_BITS - 1));
        middle[i] = high[i] = _mm512_setzero_si512();
    }
    for (int k = 0; k < count; k++) {
        vector row[4], two[4], four[4];
        for (int i = 0; i < 4; i++) row[i] = _mm512_maskz_loadu_epi8(mask, rows[4 * k + i] + at);
        for (int i = 0; i < 2; i++) {
            two[2 * i] = _mm512_unpacklo_epi8(row[2 * i], row[2 * i + 1]);
            two[2 * i + 1] = _mm512_unpackhi_epi8(row[2 * i], row[2 * i + 1]);
        }
        for (int i = 0; i < 2; i++) {
            four[2 * i] = _mm512_unpacklo_epi16(two[i], two[i + 2]);
            four[2 * i + 1] = _mm512_unpackhi_epi16(two[i], two[i + 2]);
        }
        for (int i = 0; i < 4; i++) {
            low[i] = _mm512_dpbusd_epi32(low[i], four[i], _mm512_set1_epi32(weights[k].digits[0]));
            middle[i] = _mm512_dpbusd_epi32(middle[i], four[i], _mm512_set1_epi32(weights[k].digits[1]));
            high[i] = _mm512_dpbusd_epi32(high[i], four[i], _mm512_set1_epi32(weights[k].digits[2]));
        }
    }
    for (int i = 0; i < 4; i++) {
        vector upper = _mm512_add_epi32(_mm512_slli_epi32(middle[i], 8), _mm512_slli_epi32(high[i], 16));
        low[i] = _mm512_srai_epi32(_mm512_add_epi32(low[i], upper), WEIGHT_BITS);
    }
    vector bytes = _mm512_packus_epi16(_mm512_packs_epi32(low[0], low[1]), _mm512_packs_epi32(low[2], low[3]));
    _mm512_mask_storeu_epi8(dst + at, mask, bytes);
}

INLINE void row(const uint8_t *const *rows, int64_t n, const quad *weights, int count, uint8_t *dst) {
    int64_t at = 0;
    for (; at + BLOCK <= n; at += BLOCK) block(rows, at, weights, count, ~(__mmask64)0, dst);
    if (at < n) block(rows, at, weights, count, ((__mmask64)1 << (n - at)) - 1, dst);
}

LEVEL void avx512_down_8(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    const quad *weights = axis_quads(a, line);
    (void)chunk;
    switch (axis_count(a)[line]) {
    case 1: row(rows, n, weights, 1, dst); break;
    case 2: row(rows, n, weights, 2, dst); break;
    case 3: row(rows, n, weights, 3, dst); break;
    default: row(rows, n, weights, axis_count(a)[line], dst);
    }
}
#endif

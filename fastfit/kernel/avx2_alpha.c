/* Alpha of 8 bits with AVX2: what alpha.c does, to the last bit. */
#include "kernel.h"

#if defined(X86_64)
#include <immintrin.h>

#define LEVEL __attribute__((target("avx2")))
#define INLINE __attribute__((target("avx2"), always_inline)) static inline

typedef __m256i vector;

/* Multiply samples of 16 bits by the last one of their pixel, which stays; Pillow's MULDIV255. */
INLINE vector products(vector samples, int channels) {
    const vector whole = _mm256_set1_epi16(255);
    vector alpha;
    if (channels == 4) {
        alpha = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(samples, 0xff), 0xff);
        alpha = _mm256_blend_epi16(alpha, whole, 0x88);
    } else {
        alpha = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(samples, 0xf5), 0xf5);
        alpha = _mm256_blend_epi16(alpha, whole, 0xaa);
    }
    vector t = _mm256_add_epi16(_mm256_mullo_epi16(samples, alpha), _mm256_set1_epi16(128));
    return _mm256_srli_epi16(_mm256_add_epi16(t, _mm256_srli_epi16(t, 8)), 8);
}

LEVEL void avx2_premultiply(const uint8_t *row, int64_t pixels, int channels, uint8_t *dst) {
    const vector zero = _mm256_setzero_si256();
    int64_t n = pixels * channels, at = 0;
    for (; at + 32 <= n; at += 32) {
        vector bytes = _mm256_loadu_si256((const vector *)(row + at));
        vector low = _mm256_unpacklo_epi8(bytes, zero), high = _mm256_unpackhi_epi8(bytes, zero);
        low = channels == 4 ? products(low, 4) : products(low, 2);
        high = channels == 4 ? products(high, 4) : products(high, 2);
        _mm256_storeu_si256((vector *)(dst + at), _mm256_packus_epi16(low, high));
    }
    premultiply(row + at, (n - at) / channels, channels, dst + at);
}

/* Quotients of 255 times eight samples by the last one of their pixel, rounded down and clipped. Floats do: a quotient
   that is not whole is 1/255 from a whole number, at least. */
INLINE vector quotients(vector samples, int channels) {
    vector alpha = channels == 4 ? _mm256_shuffle_epi32(samples, 0xff) : _mm256_shuffle_epi32(samples, 0xf5);
    __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(samples), _mm256_set1_ps(255));
    vector levels = _mm256_cvttps_epi32(_mm256_div_ps(scaled, _mm256_cvtepi32_ps(alpha)));
    levels = _mm256_min_epi32(levels, _mm256_set1_epi32(255));
    vector none = _mm256_cmpeq_epi32(alpha, _mm256_setzero_si256());
    levels = _mm256_blendv_epi8(levels, samples, none);
    return channels == 4 ? _mm256_blend_epi32(levels, samples, 0x88) : _mm256_blend_epi32(levels, samples, 0xaa);
}

LEVEL void avx2_unpremultiply(uint8_t *row, int64_t pixels, int channels) {
    int64_t n = pixels * channels, at = 0;
    for (; at + 16 <= n; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(row + at));
        vector low = _mm256_cvtepu8_epi32(bytes), high = _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8));
        low = channels == 4 ? quotients(low, 4) : quotients(low, 2);
        high = channels == 4 ? quotients(high, 4) : quotients(high, 2);
        vector words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        words = _mm256_packus_epi16(words, words);
        _mm_storel_epi64((__m128i *)(row + at), _mm256_castsi256_si128(words));
        _mm_storel_epi64((__m128i *)(row + at + 8), _mm256_extracti128_si256(words, 1));
    }
    unpremultiply(row + at, (n - at) / channels, channels);
}
#endif

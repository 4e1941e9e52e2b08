/* The pass down for 8 bits with NEON: 32 samples of a row at once, whatever their channels; tap after tap, with sums of
   two halves as in neon_across.c. */
#include "kernel.h"

#if defined(ARM64)
#include <arm_neon.h>

#define INLINE __attribute__((always_inline)) static inline

enum { BLOCK = 32 };

/* Add one tap, of lane 0 or 1 of a pair of weights. */
#define ADD_TAP(row, weights, lane)                                                                     \
    for (int i = 0; i < 4; i++) {                                                                       \
        uint8x16_t bytes = vld1q_u8((row) + 16 * (i / 2));                                              \
        int16x8_t samples = vreinterpretq_s16_u16(i & 1 ? vmovl_high_u8(bytes) : vmovl_u8(vget_low_u8(bytes))); \
        low[2 * i] = vmlal_lane_s16(low[2 * i], vget_low_s16(samples), weights, lane);                  \
        low[2 * i + 1] = vmlal_high_lane_s16(low[2 * i + 1], samples, weights, lane);                   \
        high[i] = vmlaq_lane_s16(high[i], samples, weights, lane + 2);                                  \
    }

INLINE void block(const uint8_t *const *rows, int64_t at, const pair *weights, int count, uint8_t *dst) {
    int32x4_t low[8];
    int16x8_t high[4], words[4];
    for (int i = 0; i < 8; i++) low[i] = vdupq_n_s32(1 << (WEIGHT_BITS - 1));
    for (int i = 0; i < 4; i++) high[i] = vdupq_n_s16(0);
    for (int k = 0; k < count; k++) {
        const int16x4_t both = vld1_s16((const int16_t *)(weights + k)); /* two lower halves, two upper ones */
        ADD_TAP(rows[2 * k] + at, both, 0)
        ADD_TAP(rows[2 * k + 1] + at, both, 1)
    }
    for (int i = 0; i < 4; i++) {
        int32x4_t one = vaddq_s32(low[2 * i], vshll_n_s16(vget_low_s16(high[i]), 16));
        int32x4_t two = vaddq_s32(low[2 * i + 1], vshll_high_n_s16(high[i], 16));
        words[i] = vqmovn_high_s32(vqmovn_s32(vshrq_n_s32(one, WEIGHT_BITS)), vshrq_n_s32(two, WEIGHT_BITS));
    }
    for (int i = 0; i < 2; i++)
        vst1q_u8(dst + at + 16 * i, vqmovun_high_s16(vqmovun_s16(words[2 * i]), words[2 * i + 1]));
}

INLINE void row(const uint8_t *const *rows, int64_t n, const pair *weights, int count, uint8_t *dst) {
    for (int64_t at = 0; at + BLOCK <= n; at += BLOCK) block(rows, at, weights, count, dst);
    if (n % BLOCK) block(rows, n - BLOCK, weights, count, dst); /* some once more */
}

void neon_down_8(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    const pair *weights = axis_pairs(a, line);
    if (n < BLOCK) {
        portable_down_8(rows, n, a, line, dst, chunk);
        return;
    }
    switch (axis_count(a)[line]) {
    case 1: row(rows, n, weights, 1, dst); break;
    case 2: row(rows, n, weights, 2, dst); break;
    case 3: row(rows, n, weights, 3, dst); break;
    case 4: row(rows, n, weights, 4, dst); break;
    default: row(rows, n, weights, axis_count(a)[line], dst);
    }
}
#endif

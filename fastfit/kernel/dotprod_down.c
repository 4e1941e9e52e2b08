/* The pass down for 8 bits with NEON's dot products: 32 samples of a row at once, whatever their channels.

   Four rows are interleaved to quads of bytes, for sdot by three digits of weights: see dotprod_across.c. */
#include "kernel.h"

#if defined(ARM64)
#include "neon.h"

#define LEVEL DOTPROD_TARGET
#define DOT DOTPROD_TARGET INLINE

enum { BLOCK = 32 };

/* Interleave 16 bytes of four rows: four vectors of quads. */
DOT void interleave(const uint8_t *const *rows, int64_t at, int8x16_t *quads) {
    uint8x16_t row[4], two[4];
    for (int i = 0; i < 4; i++) row[i] = veorq_u8(vld1q_u8(rows[i] + at), vdupq_n_u8(128));
    for (int i = 0; i < 2; i++) {
        two[2 * i] = vzip1q_u8(row[2 * i], row[2 * i + 1]);
        two[2 * i + 1] = vzip2q_u8(row[2 * i], row[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        uint16x8_t first = vreinterpretq_u16_u8(two[i]), second = vreinterpretq_u16_u8(two[i + 2]);
        quads[2 * i] = vreinterpretq_s8_u16(vzip1q_u16(first, second));
        quads[2 * i + 1] = vreinterpretq_s8_u16(vzip2q_u16(first, second));
    }
}

DOT void block(const uint8_t *const *rows, int64_t at, const quad *weights, int count, uint8_t *dst) {
    const uint32_t start = (1u << (WEIGHT_BITS - 1)) + 128u * (uint32_t)weights->sum;
    int32x4_t low[8], middle[8], high[8];
    int16x4_t words[8];
    for (int i = 0; i < 8; i++) {
        low[i] = vdupq_n_s32((int32_t)start);
        middle[i] = high[i] = vdupq_n_s32(0);
    }
    for (int k = 0; k < count; k++) {
        const int8x16_t digits = vld1q_s8((const int8_t *)(weights + k));
        for (int part = 0; part < 2; part++) {
            int8x16_t quads[4];
            interleave(rows + 4 * k, at + 16 * part, quads);
            for (int i = 0; i < 4; i++) {
                int v = 4 * part + i;
                low[v] = vdotq_laneq_s32(low[v], quads[i], digits, 0);
                middle[v] = vdotq_laneq_s32(middle[v], quads[i], digits, 1);
                high[v] = vdotq_laneq_s32(high[v], quads[i], digits, 2);
            }
        }
    }
    for (int i = 0; i < 8; i++) {
        int32x4_t sum = vaddq_s32(vaddq_s32(low[i], vshlq_n_s32(middle[i], 8)), vshlq_n_s32(high[i], 16));
        words[i] = vqmovn_s32(vshrq_n_s32(sum, WEIGHT_BITS));
    }
    for (int i = 0; i < 8; i += 2) vst1_u8(dst + at + 4 * i, vqmovun_s16(vcombine_s16(words[i], words[i + 1])));
}

DOT void row(const uint8_t *const *rows, int64_t n, const quad *weights, int count, uint8_t *dst) {
    for (int64_t at = 0; at + BLOCK <= n; at += BLOCK) block(rows, at, weights, count, dst);
    if (n % BLOCK) block(rows, n - BLOCK, weights, count, dst); /* some once more */
}

LEVEL void dotprod_down_8(const uint8_t *const *rows, int64_t n, const axis *a, int line, uint8_t *dst, uint8_t *chunk) {
    const quad *weights = axis_quads(a, line);
    if (n < BLOCK) {
        portable_down_8(rows, n, a, line, dst, chunk);
        return;
    }
    switch (axis_count(a)[line]) {
    case 1: row(rows, n, weights, 1, dst); break;
    case 2: row(rows, n, weights, 2, dst); break;
    case 3: row(rows, n, weights, 3, dst); break;
    default: row(rows, n, weights, axis_count(a)[line], dst);
    }
}
#endif

/* What the passes across with NEON share: 8 pixels of a row, taken apart into channels, and 8 x 8 bytes, turned. */
#ifndef FASTFIT_NEON_H
#define FASTFIT_NEON_H

#include "kernel.h"

#include <arm_neon.h>

/* For what has dot products. */
#if defined(__clang__)
#define DOTPROD_TARGET __attribute__((target("dotprod")))
#else
#define DOTPROD_TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

#define INLINE __attribute__((always_inline)) static inline

enum { GROUP = 8 }; /* pixels that are read, and of the result made, at once */

/* Turn 8 x 8 bytes: the halves of the results are the first bytes of all, the second ones, and so on. */
INLINE void turn(const uint8x8_t *given, uint8x16_t *turned) {
    uint8x16_t a[4], b[4];
    for (int i = 0; i < 4; i++)
        a[i] = vzip1q_u8(vcombine_u8(given[i], given[i]), vcombine_u8(given[i + 4], given[i + 4]));
    for (int i = 0; i < 2; i++) {
        b[2 * i] = vzip1q_u8(a[i], a[i + 2]);
        b[2 * i + 1] = vzip2q_u8(a[i], a[i + 2]);
    }
    for (int i = 0; i < 2; i++) {
        turned[2 * i] = vzip1q_u8(b[i], b[i + 2]);
        turned[2 * i + 1] = vzip2q_u8(b[i], b[i + 2]);
    }
}

/* Load 8 pixels of a row, channel by channel. */
INLINE void load_eight(const uint8_t *row, int channels, int pixel, uint8x8_t *planes) {
    if (pixel == 1)
        planes[0] = vld1_u8(row);
    else if (pixel == 2) {
        uint8x8x2_t two = vld2_u8(row);
        for (int c = 0; c < 2; c++) planes[c] = two.val[c];
    } else if (pixel == 3) {
        uint8x8x3_t three = vld3_u8(row);
        for (int c = 0; c < 3; c++) planes[c] = three.val[c];
    } else {
        uint8x8x4_t four = vld4_u8(row);
        for (int c = 0; c < channels; c++) planes[c] = four.val[c];
    }
}

/* Store 8 pixels of a row. */
INLINE void store_eight(uint8_t *dst, int channels, const uint8x8_t *planes) {
    if (channels == 1)
        vst1_u8(dst, planes[0]);
    else if (channels == 2)
        vst2_u8(dst, ((uint8x8x2_t){{planes[0], planes[1]}}));
    else if (channels == 3)
        vst3_u8(dst, ((uint8x8x3_t){{planes[0], planes[1], planes[2]}}));
    else
        vst4_u8(dst, ((uint8x8x4_t){{planes[0], planes[1], planes[2], planes[3]}}));
}

INLINE uint8x8_t half(uint8x16_t v, int h) { return h ? vget_high_u8(v) : vget_low_u8(v); }

/* Store eight pixels of 8 rows, or of 16 of one channel. Of each pixel, `made` holds a channel of 8 rows, by channel, or by
   eight rows. */
INLINE void store_rows(uint8x8_t made[][GROUP], int channels, int64_t x, uint8_t *const *dst) {
    const int blocks = channels == 1 ? 2 : 1;
    uint8x16_t turned[4][4];
    for (int v = 0; v < blocks * channels; v++) turn(made[v], turned[v]);
    for (int row = 0; row < 8 * blocks; row++) {
        uint8x8_t planes[4];
        for (int c = 0; c < channels; c++) planes[c] = half(turned[c + row / 8][row % 8 / 2], row & 1);
        store_eight(dst[row] + x * channels, channels, planes);
    }
}

#endif

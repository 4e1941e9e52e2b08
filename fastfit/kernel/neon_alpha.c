/* Alpha of 8 bits with NEON: what alpha.c does, to the last bit, for 8 pixels at once. */
#include "kernel.h"

#if defined(ARM64)
#include <arm_neon.h>

#define INLINE __attribute__((always_inline)) static inline

enum { GROUP = 8 };

/* Pillow's MULDIV255. */
INLINE uint8x8_t product(uint8x8_t samples, uint8x8_t alpha) {
    uint16x8_t t = vaddq_u16(vmull_u8(samples, alpha), vdupq_n_u16(128));
    return vshrn_n_u16(vsraq_n_u16(t, t, 8), 8);
}

/* The quotient of 255 times four samples by alpha, rounded down; by 0 the largest number. Floats do: a quotient that is
   not whole is 1/255 from a whole number, at least. */
INLINE uint32x4_t divided(uint16x4_t samples, uint16x4_t alpha) {
    float32x4_t scaled = vcvtq_f32_u32(vmull_n_u16(samples, 255));
    return vcvtq_u32_f32(vdivq_f32(scaled, vcvtq_f32_u32(vmovl_u16(alpha))));
}

INLINE uint8x8_t quotient(uint8x8_t samples, uint8x8_t alpha) {
    uint16x8_t s = vmovl_u8(samples), a = vmovl_u8(alpha);
    uint32x4_t low = divided(vget_low_u16(s), vget_low_u16(a)), high = divided(vget_high_u16(s), vget_high_u16(a));
    uint8x8_t levels = vqmovn_u16(vcombine_u16(vqmovn_u32(low), vqmovn_u32(high)));
    return vbsl_u8(vceqz_u8(alpha), samples, levels);
}

void neon_premultiply(const uint8_t *row, int64_t pixels, int channels, uint8_t *dst) {
    int64_t at = 0, n = pixels * channels;
    for (; at + GROUP * channels <= n; at += GROUP * channels)
        if (channels == 4) {
            uint8x8x4_t p = vld4_u8(row + at);
            for (int c = 0; c < 3; c++) p.val[c] = product(p.val[c], p.val[3]);
            vst4_u8(dst + at, p);
        } else {
            uint8x8x2_t p = vld2_u8(row + at);
            p.val[0] = product(p.val[0], p.val[1]);
            vst2_u8(dst + at, p);
        }
    premultiply(row + at, (n - at) / channels, channels, dst + at);
}

void neon_unpremultiply(uint8_t *row, int64_t pixels, int channels) {
    int64_t at = 0, n = pixels * channels;
    for (; at + GROUP * channels <= n; at += GROUP * channels)
        if (channels == 4) {
            uint8x8x4_t p = vld4_u8(row + at);
            for (int c = 0; c < 3; c++) p.val[c] = quotient(p.val[c], p.val[3]);
            vst4_u8(row + at, p);
        } else {
            uint8x8x2_t p = vld2_u8(row + at);
            p.val[0] = quotient(p.val[0], p.val[1]);
            vst2_u8(row + at, p);
        }
    unpremultiply(row + at, (n - at) / channels, channels);
}
#endif

/* Alpha: colors are multiplied by it before they are resampled, so that what it hides does not bleed. */
#include "kernel.h"

/* Pillow's MULDIV255: a * b / 255, rounded. */
static inline uint8_t product(unsigned a, unsigned b) {
    unsigned t = a * b + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

/* Multiply the colors of 8-bit pixels by their last channel, as Pillow's RGBA becomes RGBa. */
void premultiply(const uint8_t *row, int64_t pixels, int channels, uint8_t *dst) {
    if (channels == 4)
        for (int64_t i = 0; i < 4 * pixels; i += 4) {
            unsigned alpha = row[i + 3];
            dst[i] = product(row[i], alpha);
            dst[i + 1] = product(row[i + 1], alpha);
            dst[i + 2] = product(row[i + 2], alpha);
            dst[i + 3] = (uint8_t)alpha;
        }
    else
        for (int64_t i = 0; i < 2 * pixels; i += 2) {
            dst[i] = product(row[i], row[i + 1]);
            dst[i + 1] = row[i + 1];
        }
}

/* Divide the colors by alpha, rounded down and clipped; colors under alpha 0 stay, as in Pillow. */
void unpremultiply(uint8_t *row, int64_t pixels, int channels) {
    for (int64_t i = 0; i < pixels * channels; i += channels) {
        unsigned alpha = row[i + channels - 1];
        if (alpha == 0 || alpha == 255) continue;
        for (int c = 0; c < channels - 1; c++) {
            unsigned level = 255u * row[i + c] / alpha;
            row[i + c] = (uint8_t)(level > 255 ? 255 : level);
        }
    }
}

/* The same of 16 bits and floats: the products are not scaled back, and divided by the same unit in the end. */
void premultiply_wide(const uint8_t *row, int dtype, int64_t pixels, int channels, float *dst) {
    for (int64_t i = 0; i < pixels * channels; i += channels) {
        const uint16_t *words = (const uint16_t *)row + i;
        const float *floats = (const float *)row + i;
        float alpha = dtype == UINT16 ? words[channels - 1] : floats[channels - 1];
        for (int c = 0; c < channels - 1; c++) dst[i + c] = (dtype == UINT16 ? words[c] : floats[c]) * alpha;
        dst[i + channels - 1] = alpha;
    }
}

/* Colors under next to no alpha become 0: nobody sees them, and what is left of them after ringing is noise. */
void unpremultiply_wide(float *row, int64_t pixels, int channels, float hidden) {
    for (int64_t i = 0; i < pixels * channels; i += channels) {
        float alpha = row[i + channels - 1];
        for (int c = 0; c < channels - 1; c++) row[i + c] = alpha <= hidden ? 0 : row[i + c] / alpha;
    }
}

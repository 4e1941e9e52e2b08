/* What happens to rows before and after they are resampled: alpha, and how the result is stored. */
#include "kernel.h"

#include <string.h>

/* Pillow's MULDIV255: a * b / 255, rounded. */
static inline uint8_t product(unsigned a, unsigned b) {
    unsigned t = a * b + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

/* Multiply the colors of 8-bit pixels by their last channel, as Pillow's RGBA becomes RGBa. */
void premultiply_row(const uint8_t *row, int64_t pixels, int channels, uint8_t *dst) {
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
static void unpremultiply_row(uint8_t *row, int64_t pixels, int channels) {
    for (int64_t i = 0; i < pixels * channels; i += channels) {
        unsigned alpha = row[i + channels - 1];
        if (alpha == 0 || alpha == 255) continue;
        for (int c = 0; c < channels - 1; c++) {
            unsigned level = 255u * row[i + c] / alpha;
            row[i + c] = (uint8_t)(level > 255 ? 255 : level);
        }
    }
}

/* Round a float to half precision, halves to even; what is too large becomes infinite. */
static uint16_t half_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00); /* NaN */
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) { /* subnormal: a multiple of 2^-24 */
        float scaled;
        memcpy(&scaled, &magnitude, 4);
        scaled += 0.5f; /* whose last bit is 2^-24 */
        memcpy(&bits, &scaled, 4);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + odd) >> 13);
}

static float whole(float value, float most) { /* the nearest whole number, halves to even */
    if (!(value > 0)) return 0;
    if (value >= most) return most;
    float shifted = value + 8388608.0f;
    return value < 8388608.0f ? shifted - 8388608.0f : value;
}

static inline void store(uint8_t *out, int dtype, float value) {
    uint16_t half;
    switch (dtype) {
    case UINT8: *out = (uint8_t)whole(value, 255); return;
    case UINT16: half = (uint16_t)whole(value, 65535); break;
    case FLOAT16: half = half_float(value); break;
    default: memcpy(out, &value, 4); return;
    }
    memcpy(out, &half, 2);
}

static void store_levels(const job *j, const uint8_t *row, int64_t pixel, int pixels, uint8_t *out) {
    int64_t step = j->out_pixel;
    for (int c = 0; c < j->channels; c++) {
        const uint8_t *from = row + c;
        uint8_t *to = out + c * j->out_channel;
        if (!j->table)
            for (int x = 0; x < pixels; x++) to[x * step] = from[x * pixel];
        else if (j->out_dtype == UINT8)
            for (int x = 0; x < pixels; x++) to[x * step] = ((const uint8_t *)j->table + 256 * c)[from[x * pixel]];
        else if (j->out_dtype == FLOAT32)
            for (int x = 0; x < pixels; x++) memcpy(to + x * step, (const float *)j->table + 256 * c + from[x * pixel], 4);
        else
            for (int x = 0; x < pixels; x++)
                memcpy(to + x * step, (const uint16_t *)j->table + 256 * c + from[x * pixel], 2);
    }
}

static void store_floats(const job *j, int dtype, const uint8_t *row, int64_t pixel, int pixels, uint8_t *out) {
    for (int c = 0; c < j->channels; c++) {
        float scale = j->affine ? j->affine[0] : 1, mean = j->affine ? j->affine[1 + c] : 0;
        float divisor = j->affine ? j->affine[1 + j->channels + c] : 1;
        for (int x = 0; x < pixels; x++) {
            const uint8_t *at = row + x * pixel;
            float value = dtype == UINT16 ? ((const uint16_t *)at)[c] : ((const float *)at)[c];
            if (j->affine) {
                /* of the fitted image: of 16 bits, of whole levels */
                if (j->dtype == UINT16) value = whole(value, 65535);
                value = (value * scale - mean) / divisor;
            }
            store(out + x * j->out_pixel + c * j->out_channel, j->out_dtype, value);
        }
    }
}

/* Store pixels [from, to) of a row of the result; `row` holds samples of `dtype`, `pixel` bytes apart, and may change. */
void finish_row(const job *j, int dtype, uint8_t *row, int64_t pixel, int from, int to, int y) {
    uint8_t *out = j->out + y * j->out_row + from * j->out_pixel;
    int pixels = to - from;
    int64_t bytes = dtype == UINT8 ? 1 : dtype == UINT16 ? 2 : 4;
    if (j->unpremultiply) unpremultiply_row(row, pixels, j->channels);
    int same = dtype == j->out_dtype && !j->table && !j->affine;
    if (same && pixel == j->channels * bytes && j->out_channel == bytes && j->out_pixel == pixel)
        memcpy(out, row, (size_t)(pixels * pixel));
    else if (dtype == UINT8)
        store_levels(j, row, pixel, pixels, out);
    else
        store_floats(j, dtype, row, pixel, pixels, out);
}

/* How rows of the result are stored: as they are, by a table, or scaled. */
#include "kernel.h"

/* Round a float to half precision, halves to even; what is too large becomes infinite. */
static uint16_t half_float(float value) {
    uint32_t bits;
    COPY(&bits, &value, 4);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00); /* NaN */
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) { /* subnormal: a multiple of 2^-24 */
        float scaled;
        COPY(&scaled, &magnitude, 4);
        scaled += 0.5f; /* whose last bit is 2^-24 */
        COPY(&bits, &scaled, 4);
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

/* The same for many, in a loop that compilers turn into vectors. */
static void store_words(const float *values, int64_t n, uint16_t *out) {
    for (int64_t i = 0; i < n; i++) {
        float value = values[i] > 0 ? values[i] : 0;
        value = value < 65535 ? value : 65535;
        out[i] = (uint16_t)(int32_t)(value + 8388608.0f - 8388608.0f);
    }
}

static inline void store(uint8_t *out, int dtype, float value) {
    uint16_t half;
    switch (dtype) {
    case UINT8: *out = (uint8_t)whole(value, 255); return;
    case UINT16: half = (uint16_t)whole(value, 65535); break;
    case FLOAT16: half = half_float(value); break;
    default: COPY(out, &value, 4); return;
    }
    COPY(out, &half, 2);
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
            for (int x = 0; x < pixels; x++) COPY(to + x * step, (const float *)j->table + 256 * c + from[x * pixel], 4);
        else
            for (int x = 0; x < pixels; x++)
                COPY(to + x * step, (const uint16_t *)j->table + 256 * c + from[x * pixel], 2);
    }
}

static void store_floats(const job *j, int dtype, const uint8_t *row, int64_t pixel, int pixels, uint8_t *out) {
    for (int c = 0; c < j->channels; c++) {
        double scale = j->affine ? j->affine[0] : 1, mean = j->affine ? j->affine[1 + c] : 0;
        double divisor = j->affine ? j->affine[1 + j->channels + c] : 1;
        for (int x = 0; x < pixels; x++) {
            const uint8_t *at = row + x * pixel;
            float value = dtype == UINT16 ? ((const uint16_t *)at)[c] : ((const float *)at)[c];
            if (j->affine) {
                if (j->rounded) value = whole(value, 65535);
                value = (float)((value * scale - mean) / divisor);
            }
            store(out + x * j->out_pixel + c * j->out_channel, j->out_dtype, value);
        }
    }
}

/* Store pixels [from, to) of a row of the result; `row` holds samples of `dtype`, `pixel` bytes apart, and may change. */
void finish_row(const job *j, const level *l, int dtype, uint8_t *row, int64_t pixel, int from, int to, int y) {
    uint8_t *out = j->out + y * j->out_row + from * j->out_pixel;
    int pixels = to - from;
    int64_t bytes = dtype == UINT8 ? 1 : dtype == UINT16 ? 2 : 4;
    if (j->unpremultiply && dtype == UINT8) l->unpremultiply(row, pixels, j->channels);
    if (j->unpremultiply && dtype == FLOAT32) unpremultiply_wide((float *)(void *)row, pixels, j->channels, j->hidden);
    int same = dtype == j->out_dtype && !j->table && !j->affine;
    if (same && is_packed(j, pixel, bytes))
        COPY(out, row, (size_t)(pixels * pixel));
    else if (dtype == FLOAT32 && j->out_dtype == UINT16 && !j->affine && is_packed(j, pixel / 2, 2))
        store_words((const float *)row, (int64_t)pixels * j->channels, (uint16_t *)out);
    else if (dtype == UINT8)
        store_levels(j, row, pixel, pixels, out);
    else
        store_floats(j, dtype, row, pixel, pixels, out);
}

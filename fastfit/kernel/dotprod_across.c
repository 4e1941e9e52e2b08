/* The pass across for 8 bits with NEON's dot products: 8 rows at once, 16 of one channel.

   A 32-bit lane holds one channel of one row, of four pixels side by side, as bytes. One sdot multiplies 4 such quads by
   four digits of weights and adds all four products. Weights have three digits, so there are three sums: low +
   (middle << 8) + (high << 16), modulo 2^32. Bytes are signed here: samples are less by 128, which the sum of a line's
   weights makes good. */
#include "kernel.h"

#if defined(ARM64)
#include "neon.h"

#define LEVEL DOTPROD_TARGET
#define DOT DOTPROD_TARGET INLINE

enum { READ = GROUP + 3 }; /* pixels of which eight entries are made, one for each of the first eight */

static const int VECTORS[5] = {0, 4, 4, 6, 8};

/* Make the entries of four pixels that begin at byte `at`, and of the next four, `step` entries apart. */
DOT void gather_eight(
    const uint8_t *const *rows, int channels, int pixel, int64_t at, int vectors, int step, int8x16_t *entry
) {
    uint8x8_t planes[4][GROUP], loaded[4];
    for (int i = 0; i < 8; i++) {
        load_eight(rows[i] + at, channels, pixel, loaded);
        for (int c = 0; c < channels; c++) planes[c][i] = veor_u8(loaded[c], vdup_n_u8(128));
    }
    for (int c = 0; c < channels; c++)
        for (int h = 0; h < 2; h++) {
            const uint8x8_t *rows4 = planes[c] + 4 * h;
            uint32x4_t one = vreinterpretq_u32_u8(vcombine_u8(rows4[0], rows4[1]));
            uint32x4_t two = vreinterpretq_u32_u8(vcombine_u8(rows4[2], rows4[3]));
            entry[2 * c + h] = vreinterpretq_s8_u32(vuzp1q_u32(one, two));
            entry[step * vectors + 2 * c + h] = vreinterpretq_s8_u32(vuzp2q_u32(one, two));
        }
}

/* Make the entries of eight pixels: two of four pixels each if aligned, else one for each. */
DOT void gather_some(
    const uint8_t *const *rows, int channels, int pixel, int aligned, int64_t at, int vectors, int8x16_t *entry
) {
    if (aligned)
        gather_eight(rows, channels, pixel, at, vectors, 1, entry);
    else
        for (int i = 0; i < 4; i++)
            gather_eight(rows, channels, pixel, at + i * pixel, vectors, 4, entry + i * vectors);
}

/* The same at the end of rows, where `room` bytes are left of each. */
DOT void gather_last(
    const uint8_t *const *rows, int channels, int pixel, int aligned, int64_t at, int64_t room, int vectors,
    int8x16_t *entry
) {
    uint8_t bytes[8][4 * READ] = {{0}};
    const uint8_t *copies[8];
    if (room > READ * pixel) room = READ * pixel;
    for (int i = 0; i < 8; i++) {
        if (room > 0) COPY(bytes[i], rows[i] + at, (size_t)room);
        copies[i] = bytes[i];
    }
    gather_some(copies, channels, pixel, aligned, 0, vectors, entry);
}

/* Make the entries of pixels [from, to), and of up to 7 more; pixels that are not there are of weight 0. */
DOT void gather_by(const strip *s, int channels, int pixel, int aligned, int from, int to, int8x16_t *entry) {
    const int vectors = VECTORS[channels], blocks = channels == 1 ? 2 : 1, behind = pixel - channels;
    int64_t size = (int64_t)s->width * pixel - behind;
    for (int x = from; x < to; x += GROUP, entry += (aligned ? 2 : GROUP) * vectors)
        for (int block = 0; block < blocks; block++) {
            int64_t at = (int64_t)x * pixel, room = size - at;
            const uint8_t *const *rows = s->rows + 8 * block;
            if (room >= READ * pixel)
                gather_some(rows, channels, pixel, aligned, at, vectors, entry + 2 * block);
            else
                gather_last(rows, channels, pixel, aligned, at, room, vectors, entry + 2 * block);
        }
}

__attribute__((noinline)) LEVEL static void gather(const strip *s, int aligned, int from, int to, int8x16_t *entry) {
    switch (2 * (s->channels == 4 ? 5 : (int)s->pixel) + aligned) {
    case 2: gather_by(s, 1, 1, 0, from, to, entry); return;
    case 3: gather_by(s, 1, 1, 1, from, to, entry); return;
    case 4: gather_by(s, 2, 2, 0, from, to, entry); return;
    case 5: gather_by(s, 2, 2, 1, from, to, entry); return;
    case 6: gather_by(s, 3, 3, 0, from, to, entry); return;
    case 7: gather_by(s, 3, 3, 1, from, to, entry); return;
    case 8: gather_by(s, 3, 4, 0, from, to, entry); return;
    case 9: gather_by(s, 3, 4, 1, from, to, entry); return;
    case 10: gather_by(s, 4, 4, 0, from, to, entry); return;
    default: gather_by(s, 4, 4, 1, from, to, entry);
    }
}

/* Round and clip sums of eight rows. */
DOT uint8x8_t levels_of(const int32x4_t *low, const int32x4_t *middle, const int32x4_t *high) {
    int32x4_t sums[2];
    for (int i = 0; i < 2; i++)
        sums[i] = vaddq_s32(vaddq_s32(low[i], vshlq_n_s32(middle[i], 8)), vshlq_n_s32(high[i], 16));
    int16x4_t words = vqmovn_s32(vshrq_n_s32(sums[0], WEIGHT_BITS));
    return vqmovun_s16(vqmovn_high_s32(words, vshrq_n_s32(sums[1], WEIGHT_BITS)));
}

/* Return the levels of one pixel of the result: sums over `count` quads, of 8 rows a level. */
DOT void multiply(
    const int8x16_t *entry, int step, const quad *weights, int count, int vectors, uint8x8_t *levels
) {
    int32x4_t low[8], middle[8], high[8];
    const uint32_t start = (1u << (WEIGHT_BITS - 1)) + 128u * (uint32_t)weights->sum;
    for (int v = 0; v < vectors; v++) {
        low[v] = vdupq_n_s32((int32_t)start);
        middle[v] = high[v] = vdupq_n_s32(0);
    }
    for (int k = 0; k < count; k++, entry += step) {
        const int8x16_t digits = vld1q_s8((const int8_t *)(weights + k));
        for (int v = 0; v < vectors; v++) {
            low[v] = vdotq_laneq_s32(low[v], entry[v], digits, 0);
            middle[v] = vdotq_laneq_s32(middle[v], entry[v], digits, 1);
            high[v] = vdotq_laneq_s32(high[v], entry[v], digits, 2);
        }
    }
    for (int v = 0; v < vectors; v += 2) levels[v / 2] = levels_of(low + v, middle + v, high + v);
}

/* Make eight pixels of the result, from line `x` on; beyond `to` the last one stands for them. */
DOT void make_eight(
    const int8x16_t *entries, int begin, const axis *a, int aligned, int count, int channels, int x, int to, int from,
    uint8_t *const *dst
) {
    const int vectors = VECTORS[channels], step = aligned ? vectors : 4 * vectors;
    uint8x8_t made[4][GROUP], levels[4];
    for (int i = 0; i < GROUP; i++) {
        int line = x + i < to ? x + i : to - 1, first = axis_first(a)[line] - begin;
        const int8x16_t *entry = entries + (int64_t)(aligned ? first / 4 : first) * vectors;
        multiply(entry, step, axis_quads(a, line), aligned ? axis_count(a)[line] : count, vectors, levels);
        for (int v = 0; v < vectors / 2; v++) made[v][i] = levels[v];
    }
    store_rows(made, channels, x - from, dst);
}

DOT void across_by(
    const strip *s, int channels, const axis *a, int aligned, int count, int from, int to, uint8_t *const *dst,
    uint8_t *chunk
) {
    int8x16_t *entries = (int8x16_t *)(void *)chunk;
    int lines = chunk_lines(a), room = lines > LEAST_CHUNKED ? lines : LEAST_CHUNKED;
    room = room * CHUNK_LINE_BYTES / (16 * VECTORS[channels]) * (aligned ? 4 : 1) - 2 * GROUP;
    for (int x = from; x < to;) {
        int begin = axis_first(a)[x], stop = x, end = begin;
        while (stop < to) {
            int next = stop + GROUP < to ? stop + GROUP : to, reach = axis_first(a)[next - 1] + a->span;
            if (stop > x && reach - begin > room) break;
            stop = next, end = reach;
        }
        gather(s, aligned, begin, end, entries);
        for (; x < stop; x += GROUP) make_eight(entries, begin, a, aligned, count, channels, x, stop, from, dst);
        x = stop;
    }
}

/* Loops over few quads are unrolled, each for its number of them. */
DOT void across(
    const strip *s, int channels, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk
) {
    switch (a->aligned ? 0 : a->span / 4) {
    case 0: across_by(s, channels, a, 1, 0, from, to, dst, chunk); return;
    case 1: across_by(s, channels, a, 0, 1, from, to, dst, chunk); return;
    case 2: across_by(s, channels, a, 0, 2, from, to, dst, chunk); return;
    default: across_by(s, channels, a, 0, a->span / 4, from, to, dst, chunk);
    }
}

LEVEL void dotprod_across_8(const strip *given, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
    uint8_t *rows[ROWS];
    strip s = filled(given, dst, rows);
    switch (s.channels) {
    case 1: across(&s, 1, a, from, to, rows, chunk); return;
    case 2: across(&s, 2, a, from, to, rows, chunk); return;
    case 3: across(&s, 3, a, from, to, rows, chunk); return;
    default: across(&s, 4, a, from, to, rows, chunk);
    }
}
#endif

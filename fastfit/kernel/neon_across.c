/* The pass across for 8 bits with NEON: 8 rows at once, 16 of one channel.

   A chunk of the source is turned: of each pixel, a vector holds one channel of 8 rows, as 16-bit numbers. There is no
   pmaddwd as on x86-64: samples are multiplied by single taps, by the lower half of a weight to sums of 32 bits, and by
   the upper half to sums of 16 bits, which is all that counts of them: (upper << 16) + lower is the sum modulo 2^32. */
#include "kernel.h"

#if defined(ARM64)
#include "neon.h"

static const int VECTORS[5] = {0, 2, 2, 3, 4};

/* Turn 8 pixels of 8 rows: of each pixel, `vectors` entries. */
INLINE void gather_eight(
    const uint8_t *const *rows, int channels, int pixel, int64_t at, int vectors, uint16x8_t *entry
) {
    uint8x8_t planes[4][GROUP], loaded[4];
    for (int i = 0; i < 8; i++) {
        load_eight(rows[i] + at, channels, pixel, loaded);
        for (int c = 0; c < channels; c++) planes[c][i] = loaded[c];
    }
    for (int c = 0; c < channels; c++) {
        uint8x16_t turned[4];
        turn(planes[c], turned);
        for (int x = 0; x < GROUP; x++) entry[x * vectors + c] = vmovl_u8(half(turned[x / 2], x & 1));
    }
}

/* The same at the end of rows, where `room` bytes are left of each. */
INLINE void gather_last(
    const uint8_t *const *rows, int channels, int pixel, int64_t at, int room, int vectors, uint16x8_t *entry
) {
    uint8_t bytes[8][4 * GROUP] = {{0}};
    const uint8_t *copies[8];
    for (int i = 0; i < 8; i++) {
        COPY(bytes[i], rows[i] + at, (size_t)room);
        copies[i] = bytes[i];
    }
    gather_eight(copies, channels, pixel, 0, vectors, entry);
}

/* Make the entries of pixels [from, to), and up to 7 more; those that are not there are 0. */
INLINE void gather_by(const strip *s, int channels, int pixel, int from, int to, uint16x8_t *entry) {
    const int vectors = VECTORS[channels], blocks = channels == 1 ? 2 : 1, behind = pixel - channels;
    int64_t size = (int64_t)s->width * pixel - behind;
    for (int x = from; x < to; x += GROUP, entry += GROUP * vectors)
        for (int block = 0; block < blocks; block++) {
            int64_t at = (int64_t)x * pixel, room = size - at;
            const uint8_t *const *rows = s->rows + 8 * block;
            if (room >= GROUP * pixel)
                gather_eight(rows, channels, pixel, at, vectors, entry + block);
            else
                gather_last(rows, channels, pixel, at, room > 0 ? (int)room : 0, vectors, entry + block);
        }
}

__attribute__((noinline)) static void gather(const strip *s, int from, int to, uint16x8_t *entry) {
    switch (s->channels == 4 ? 5 : s->pixel) {
    case 1: gather_by(s, 1, 1, from, to, entry); return;
    case 2: gather_by(s, 2, 2, from, to, entry); return;
    case 3: gather_by(s, 3, 3, from, to, entry); return;
    case 4: gather_by(s, 3, 4, from, to, entry); return;
    default: gather_by(s, 4, 4, from, to, entry);
    }
}

/* Add one tap, of lane 0 or 1 of a pair of weights. */
#define ADD_TAP(entry, weights, lane)                                                                   \
    for (int v = 0; v < vectors; v++) {                                                                 \
        int16x8_t samples = vreinterpretq_s16_u16((entry)[v]);                                          \
        low[2 * v] = vmlal_lane_s16(low[2 * v], vget_low_s16(samples), weights, lane);                  \
        low[2 * v + 1] = vmlal_high_lane_s16(low[2 * v + 1], samples, weights, lane);                   \
        high[v] = vmlaq_lane_s16(high[v], samples, weights, lane + 2);                                  \
    }

/* Return the levels of one pixel of the result: sums over `count` pairs, rounded and clipped. */
INLINE void multiply(const uint16x8_t *entry, const pair *weights, int count, int vectors, uint8x8_t *levels) {
    int32x4_t low[8];
    int16x8_t high[4];
    for (int v = 0; v < vectors; v++) {
        low[2 * v] = low[2 * v + 1] = vdupq_n_s32(1 << (WEIGHT_BITS - 1));
        high[v] = vdupq_n_s16(0);
    }
    for (int k = 0; k < count; k++, entry += 2 * vectors) {
        const int16x4_t both = vld1_s16((const int16_t *)(weights + k)); /* two lower halves, two upper ones */
        ADD_TAP(entry, both, 0)
        ADD_TAP(entry + vectors, both, 1)
    }
    for (int v = 0; v < vectors; v++) {
        int32x4_t one = vaddq_s32(low[2 * v], vshll_n_s16(vget_low_s16(high[v]), 16));
        int32x4_t two = vaddq_s32(low[2 * v + 1], vshll_high_n_s16(high[v], 16));
        int16x4_t words = vqmovn_s32(vshrq_n_s32(one, WEIGHT_BITS));
        levels[v] = vqmovun_s16(vqmovn_high_s32(words, vshrq_n_s32(two, WEIGHT_BITS)));
    }
}

/* Make eight pixels of the result, from line `x` on; beyond `to` the last one stands for them. */
INLINE void make_eight(
    const uint16x8_t *entries, int begin, const axis *a, int count, int channels, int x, int to, int from,
    uint8_t *const *dst
) {
    const int vectors = VECTORS[channels];
    uint8x8_t made[4][GROUP], levels[4];
    for (int i = 0; i < GROUP; i++) {
        int line = x + i < to ? x + i : to - 1, pairs = a->aligned ? axis_count(a)[line] : count;
        const uint16x8_t *entry = entries + (int64_t)(axis_first(a)[line] - begin) * vectors;
        multiply(entry, axis_pairs(a, line), pairs, vectors, levels);
        for (int v = 0; v < vectors; v++) made[v][i] = levels[v];
    }
    store_rows(made, channels, x - from, dst);
}

INLINE void across_by(
    const strip *s, int channels, const axis *a, int count, int from, int to, uint8_t *const *dst, uint8_t *chunk
) {
    uint16x8_t *entries = (uint16x8_t *)(void *)chunk;
    int lines = chunk_lines(a), room = lines > LEAST_CHUNKED ? lines : LEAST_CHUNKED;
    room = room * (CHUNK_LINE_BYTES / (16 * VECTORS[channels])) - GROUP;
    for (int x = from; x < to;) {
        int begin = axis_first(a)[x], stop = x, end = begin;
        while (stop < to) {
            int next = stop + GROUP < to ? stop + GROUP : to, reach = axis_first(a)[next - 1] + a->span;
            if (stop > x && reach - begin > room) break;
            stop = next, end = reach;
        }
        gather(s, begin, end, entries);
        for (; x < stop; x += GROUP) make_eight(entries, begin, a, count, channels, x, stop, from, dst);
        x = stop;
    }
}

/* Loops over few pairs are unrolled, each for its number of them. */
INLINE void across(
    const strip *s, int channels, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk
) {
    switch (a->aligned ? 0 : a->span / 2) {
    case 1: across_by(s, channels, a, 1, from, to, dst, chunk); return;
    case 2: across_by(s, channels, a, 2, from, to, dst, chunk); return;
    case 3: across_by(s, channels, a, 3, from, to, dst, chunk); return;
    default: across_by(s, channels, a, a->span / 2, from, to, dst, chunk);
    }
}

void neon_across_8(const strip *given, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
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

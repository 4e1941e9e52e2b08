/* The pass across for 8 bits with AVX-512 and VNNI: 16 rows at once.

   It works as avx2_across.c does, but an entry is of four pixels: a 32-bit lane holds one channel of one row, of four
   pixels side by side, as bytes. One vpdpbusd multiplies 16 such quads by four digits of weights and adds all four
   products. Weights have three digits, so there are three sums: low + (middle << 8) + (high << 16), modulo 2^32.

   Quarter h of vector v holds, of 4 channels, row v + 4h; of 3, row v + 4h and channel v of row 3 + 4h; of 2, rows
   2v + 4h and 2v + 1 + 4h; of 1, rows 4h to 4h + 3. */
#include "kernel.h"

#if defined(X86_64)
#include <immintrin.h>

#define TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"
#define INLINE __attribute__((target(TARGET), always_inline)) static inline
#define LEVEL __attribute__((target(TARGET)))

typedef __m512i vector;

enum { GROUP = 4 }; /* pixels of the result that are made together */

static const int VECTORS[5] = {0, 1, 2, 3, 4};

/* Load 16 bytes of a row; near its end, where `room` bytes are left, only those that are there. */
INLINE __m128i load(const uint8_t *row, int64_t at, int64_t room) {
    if (room >= 16) return _mm_loadu_si128((const __m128i *)(row + at));
    return _mm_maskz_loadu_epi8((__mmask16)(room > 0 ? (1u << room) - 1 : 0), row + at);
}

/* Load 16 bytes of four rows, four apart. */
INLINE vector load_four(const uint8_t *const *rows, int64_t at, int64_t room) {
    vector four = _mm512_castsi128_si512(load(rows[0], at, room));
    four = _mm512_inserti32x4(four, load(rows[4], at, room), 1);
    four = _mm512_inserti32x4(four, load(rows[8], at, room), 2);
    return _mm512_inserti32x4(four, load(rows[12], at, room), 3);
}

/* Return a mask for pshufb that makes each 32-bit lane of each quarter four bytes of it. */
#define QUAD(first, step) (int)((unsigned)(first) * 0x01010101u + (unsigned)(step) * 0x03020100u)
#define NONE (int)0x80808080u
INLINE vector lanes(int a, int b, int c, int d) { return _mm512_broadcast_i32x4(_mm_setr_epi32(a, b, c, d)); }

/* Make an entry of 16 bytes of each row, of four pixels from byte `p` on. */
INLINE void make_entry(const vector *rows, int channels, int p, int pixel, vector *entry) {
    if (channels == 4) {
        const vector four = lanes(QUAD(p, pixel), QUAD(p + 1, pixel), QUAD(p + 2, pixel), QUAD(p + 3, pixel));
        for (int v = 0; v < 4; v++) entry[v] = _mm512_shuffle_epi8(rows[v], four);
    } else if (channels == 3) {
        const vector three = lanes(QUAD(p, pixel), QUAD(p + 1, pixel), QUAD(p + 2, pixel), NONE);
        vector last = _mm512_shuffle_epi8(rows[3], three);
        for (int v = 0; v < 3; v++) entry[v] = _mm512_shuffle_epi8(rows[v], three);
        entry[0] = _mm512_mask_shuffle_epi32(entry[0], 0x8888, last, _MM_PERM_AAAA);
        entry[1] = _mm512_mask_shuffle_epi32(entry[1], 0x8888, last, _MM_PERM_BBBB);
        entry[2] = _mm512_mask_shuffle_epi32(entry[2], 0x8888, last, _MM_PERM_CCCC);
    } else {
        const vector one = lanes(QUAD(p, pixel), QUAD(p + 1, pixel), NONE, NONE);
        const vector two = lanes(NONE, NONE, QUAD(p, pixel), QUAD(p + 1, pixel));
        for (int v = 0; v < 2; v++)
            entry[v] = _mm512_or_si512(_mm512_shuffle_epi8(rows[2 * v], one), _mm512_shuffle_epi8(rows[2 * v + 1], two));
    }
}

/* Make the four entries of one channel that begin at pixel `x`, and 4, 8 and 12 further. */
INLINE void gather_one(const uint8_t *const *rows, int64_t x, int64_t room, vector *entry, int step) {
    vector a[4], b[4];
    for (int v = 0; v < 4; v++) a[v] = load_four(rows + v, x, room);
    for (int i = 0; i < 2; i++) {
        b[2 * i] = _mm512_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm512_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        entry[2 * i * step] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        entry[(2 * i + 1) * step] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    }
}

/* How many entries 16 bytes of a row make. */
INLINE int entries_at_once(int channels, int pixel, int aligned) {
    if (channels == 1) return aligned ? 4 : 16;
    if (channels == 2) return aligned ? 2 : 4;
    return pixel == 3 && !aligned ? 2 : 1;
}

/* Make the entries that 16 bytes of each row from pixel `x` on give, of which `room` bytes are there. */
INLINE void gather_some(
    const uint8_t *const *rows, int channels, int pixel, int aligned, int64_t x, int64_t room, vector *entry
) {
    const int vectors = VECTORS[channels], step = aligned ? 4 * pixel : pixel;
    if (channels == 1) {
        for (int i = 0; i < (aligned ? 1 : 4); i++) gather_one(rows, x + i, room - i, entry + i, aligned ? 1 : 4);
        return;
    }
    vector four[4];
    for (int v = 0; v < 4; v++) four[v] = load_four(rows + v, x * pixel, room);
    for (int i = 0; i < entries_at_once(channels, pixel, aligned); i++)
        make_entry(four, channels, i * step, pixel, entry + i * vectors);
}

/* Make the entries of pixels [from, to): of four pixels each that begin at every fourth if aligned, else at every pixel. */
INLINE void gather_by(const strip *s, int channels, int pixel, int aligned, int from, int to, vector *entry) {
    const uint8_t *rows[ROWS]; /* own, so that they stay in registers */
    for (int i = 0; i < ROWS; i++) rows[i] = s->rows[i];
    const int together = entries_at_once(channels, pixel, aligned), each = aligned ? 4 * together : together;
    const int read = channels == 1 ? 19 : (16 + pixel - 1) / pixel;
    int x = from, safe = s->width - read < to ? s->width - read : to;
    for (; x < safe; x += each, entry += together * VECTORS[channels])
        gather_some(rows, channels, pixel, aligned, x, 32, entry);
    for (; x < to; x += each, entry += together * VECTORS[channels])
        gather_some(rows, channels, pixel, aligned, x, (int64_t)(s->width - x) * pixel - (pixel - channels), entry);
}

__attribute__((target(TARGET), noinline)) static void gather(
    const strip *s, int aligned, int from, int to, vector *entry
) {
    switch (2 * s->channels + aligned) {
    case 2: gather_by(s, 1, 1, 0, from, to, entry); return;
    case 3: gather_by(s, 1, 1, 1, from, to, entry); return;
    case 4: gather_by(s, 2, 2, 0, from, to, entry); return;
    case 5: gather_by(s, 2, 2, 1, from, to, entry); return;
    case 8: gather_by(s, 4, 4, 0, from, to, entry); return;
    case 9: gather_by(s, 4, 4, 1, from, to, entry); return;
    }
    switch (2 * (int)s->pixel + aligned) {
    case 6: gather_by(s, 3, 3, 0, from, to, entry); return;
    case 7: gather_by(s, 3, 3, 1, from, to, entry); return;
    case 8: gather_by(s, 3, 4, 0, from, to, entry); return;
    case 9: gather_by(s, 3, 4, 1, from, to, entry); return;
    }
}

/* Return the lanes' levels, not yet clipped: the sums over `count` quads, rounded. */
INLINE void multiply(const vector *entry, int64_t step, const quad *weights, int count, int vectors, vector *levels) {
    vector low[4], middle[4], high[4];
    for (int v = 0; v < vectors; v++) {
        low[v] = _mm512_set1_epi32(1 << (WEIGHT_BITS - 1));
        middle[v] = high[v] = _mm512_setzero_si512();
    }
    for (int k = 0; k < count; k++, entry += step)
        for (int v = 0; v < vectors; v++) {
            low[v] = _mm512_dpbusd_epi32(low[v], entry[v], _mm512_set1_epi32(weights[k].digits[0]));
            middle[v] = _mm512_dpbusd_epi32(middle[v], entry[v], _mm512_set1_epi32(weights[k].digits[1]));
            high[v] = _mm512_dpbusd_epi32(high[v], entry[v], _mm512_set1_epi32(weights[k].digits[2]));
        }
    for (int v = 0; v < vectors; v++) {
        vector upper = _mm512_add_epi32(_mm512_slli_epi32(middle[v], 8), _mm512_slli_epi32(high[v], 16));
        levels[v] = _mm512_srai_epi32(_mm512_add_epi32(low[v], upper), WEIGHT_BITS);
    }
}

INLINE void store(uint8_t *dst, __m128i bytes) { _mm_storeu_si128((__m128i *)dst, bytes); }
INLINE void store_8(uint8_t *dst, __m128i bytes) { _mm_storel_epi64((__m128i *)dst, bytes); }
#define QUARTER(v, h) _mm512_extracti32x4_epi32(v, h)

INLINE vector shuffled(vector v, int a, int b, int c, int d) {
    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_setr_epi32(a, b, c, d)));
}

/* Store a quarter of the rows; `quads` holds the four lanes of the first pixel, then the others', of each vector. */
INLINE void scatter_quarter(const __m128i *quads, __m128i last, int channels, int x, uint8_t *const *dst) {
    if (channels == 4)
        for (int v = 0; v < 4; v++) store(dst[v] + 4 * x, quads[v]);
    else if (channels == 3) {
        for (int v = 0; v < 3; v++) store(dst[v] + 3 * x, quads[v]);
        store(dst[3] + 3 * x, last);
    } else if (channels == 2)
        for (int v = 0; v < 2; v++) {
            store_8(dst[2 * v] + 2 * x, quads[v]);
            store_8(dst[2 * v + 1] + 2 * x, _mm_unpackhi_epi64(quads[v], quads[v]));
        }
    else {
        uint32_t four[4];
        store((uint8_t *)four, quads[0]);
        for (int i = 0; i < 4; i++) COPY(dst[i] + x, &four[i], 4);
    }
}

/* Store four pixels of all rows. */
INLINE void scatter(vector *quads, int channels, int x, uint8_t *const *dst) {
    const int vectors = VECTORS[channels];
    vector last = quads[0];
    if (channels == 3) { /* three bytes of the row itself, and one of the last row's channel v */
        for (int v = 0; v < 3; v++) quads[v] = shuffled(quads[v], 0x04020100, 0x09080605, 0x0e0d0c0a, 0x0f0b0703);
        last = _mm512_unpackhi_epi64(_mm512_unpackhi_epi8(quads[0], quads[1]), quads[2]);
        last = shuffled(last, 0x020c0100, 0x05040d03, 0x0f07060e, NONE);
    } else if (channels < 3)
        for (int v = 0; v < vectors; v++)
            quads[v] = channels == 2 ? shuffled(quads[v], 0x05040100, 0x0d0c0908, 0x07060302, 0x0f0e0b0a)
                                     : shuffled(quads[v], 0x0c080400, 0x0d090501, 0x0e0a0602, 0x0f0b0703);
    __m128i quarters[4][4], lasts[4] = {QUARTER(last, 0), QUARTER(last, 1), QUARTER(last, 2), QUARTER(last, 3)};
    for (int v = 0; v < vectors; v++) {
        quarters[0][v] = QUARTER(quads[v], 0), quarters[1][v] = QUARTER(quads[v], 1);
        quarters[2][v] = QUARTER(quads[v], 2), quarters[3][v] = QUARTER(quads[v], 3);
    }
    for (int h = 0; h < 4; h++) scatter_quarter(quarters[h], lasts[h], channels, x, dst + 4 * h);
}

/* Make four pixels of the result, from line `x` on; beyond `to` the last one stands for them. */
INLINE void make_four(
    const vector *entries, int begin, const axis *a, int aligned, int count, int channels, int x, int to, int from,
    uint8_t *const *dst
) {
    const int vectors = VECTORS[channels];
    int64_t step = aligned ? vectors : 4 * vectors;
    vector levels[GROUP][4], quads[4];
    for (int i = 0; i < GROUP; i++) {
        int line = x + i < to ? x + i : to - 1, first = axis_first(a)[line] - begin;
        const vector *entry = entries + (aligned ? first / 4 : first) * vectors;
        multiply(entry, step, axis_quads(a, line), aligned ? axis_count(a)[line] : count, vectors, levels[i]);
    }
    for (int v = 0; v < vectors; v++)
        quads[v] = _mm512_packus_epi16(
            _mm512_packs_epi32(levels[0][v], levels[1][v]), _mm512_packs_epi32(levels[2][v], levels[3][v])
        );
    scatter(quads, channels, x - from, dst);
}

INLINE void across_by(
    const strip *s, int channels, const axis *a, int aligned, int count, int from, int to, uint8_t *const *dst,
    uint8_t *chunk
) {
    vector *entries = (vector *)chunk;
    int lines = chunk_lines(a), room = lines > LEAST_CHUNKED ? lines : LEAST_CHUNKED;
    if (!aligned) room /= 4;
    for (int x = from; x < to;) {
        int begin = axis_first(a)[x], stop = x + GROUP < to ? x + GROUP : to;
        while (stop < to && axis_first(a)[(stop + GROUP < to ? stop + GROUP : to) - 1] + a->span - begin <= room - 16)
            stop = stop + GROUP < to ? stop + GROUP : to;
        int end = axis_first(a)[stop - 1] + a->span;
        gather(s, aligned, begin, end, entries);
        for (int ahead = end; x < stop; x += GROUP) {
            if (is_far(s))
                ahead = prefetch(s, ahead, end + axis_first(a)[x + GROUP < stop ? x + GROUP : stop - 1] - begin);
            make_four(entries, begin, a, aligned, count, channels, x, stop, from, dst);
        }
        x = stop;
    }
}

/* Loops over few quads are unrolled, each for its number of them. */
INLINE void across(
    const strip *s, int channels, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk
) {
    int count = a->span / 4;
    if (a->aligned) {
        across_by(s, channels, a, 1, count, from, to, dst, chunk);
        return;
    }
    switch (count) {
    case 1: across_by(s, channels, a, 0, 1, from, to, dst, chunk); return;
    case 2: across_by(s, channels, a, 0, 2, from, to, dst, chunk); return;
    default: across_by(s, channels, a, 0, count, from, to, dst, chunk);
    }
}

LEVEL void avx512_across_8(const strip *given, const axis *a, int from, int to, uint8_t *const *dst, uint8_t *chunk) {
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

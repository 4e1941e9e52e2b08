/* The way of an image through the kernel: rows are made, resampled and finished while they are in the cache.

   Columns of the result are made in strips so narrow that the rows at work stay in the second-level cache; most images
   are one strip. In a strip, source lines become lines of a ring (premultiplied by alpha, resampled across, or both);
   without either they are read where they are. A line of the result is made of the ring's lines by a pass down, and,
   where height comes first, by a pass across of some such lines. */
#include "kernel.h"

enum { MOST_BYTES = 1 << 20 }; /* of the rows at work, where strips can be narrower; from a sweep of 256 kB to 4 MB */
enum { LEAST_COLUMNS = 16 };

typedef struct {
    const job *j;
    const level *l;
    int dtype;         /* of samples before they are resampled */
    int group;         /* rows that a pass across takes at once */
    int across_first;  /* whether lines of the ring are resampled across */
    int made, stop;    /* lines in the ring so far, and in all */
    int from, to;      /* columns of the result */
    int left, right;   /* columns of the source that they read */
    int ring_lines;    /* 0: source lines are read where they are */
    int64_t ring_row, tall_row, flat_row, tint_row;
    int64_t pixel;     /* bytes from pixel to pixel in the lines that a pass down reads */
    uint8_t *ring, *tall, *flat, *tint, *chunk;
    const uint8_t **window;
} work;

int chunk_lines(const axis *a) {
    int scale = (a->stop - a->start) / a->lines + 1;
    return a->span + 3 * scale + 20;
}

int64_t chunk_bytes(const axis *a) {
    if (!a) return 0;
    int64_t lines = chunk_lines(a);
    return lines > MOST_CHUNKED ? 0 : (lines > LEAST_CHUNKED ? lines : LEAST_CHUNKED) * CHUNK_LINE_BYTES;
}

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t sample_bytes(int dtype) { return dtype == UINT8 ? 1 : dtype == UINT16 ? 2 : 4; }

static int64_t made_bytes(const job *j) { return j->channels * (j->dtype == UINT8 ? 1 : 4); }

static void set_columns(work *w, int from, int to) {
    const axis *a = w->j->across;
    w->from = from;
    w->to = to;
    w->left = a ? axis_first(a)[from] : w->j->left + from;
    w->right = a ? a->stop : w->j->left + to;
    if (a) {
        int last = axis_first(a)[to - 1] + a->span;
        if (last < w->right) w->right = last;
    }
}

/* Lay out the working memory of strips of so many columns; return its bytes. */
static int64_t lay_out(work *w, int columns, uint8_t *base) {
    const job *j = w->j;
    int64_t read = 0, at = 0, pixel = j->premultiply ? made_bytes(j) : j->src_pixel;
    w->dtype = j->premultiply && j->dtype != UINT8 ? FLOAT32 : j->dtype;
    for (int from = 0; from < j->width; from += columns) {
        set_columns(w, from, from + columns < j->width ? from + columns : j->width);
        if (w->right - w->left > read) read = w->right - w->left;
    }
    int span = j->down ? j->down->span : 1, both = j->across && j->down && j->height_first;
    w->group = j->channels == 1 ? ROWS : j->dtype == UINT8 ? w->l->rows : ROWS / 2;
    w->across_first = j->across && !both;
    w->ring_lines = w->across_first || j->premultiply ? span + w->group : 0;
    w->pixel = w->across_first ? made_bytes(j) : pixel;
    w->tint_row = j->premultiply && w->across_first ? read * pixel + PADDING : 0;
    w->ring_row = w->across_first ? columns * made_bytes(j) + PADDING : read * pixel + PADDING;
    w->tall_row = both ? read * pixel / sample_bytes(w->dtype) * (j->dtype == UINT8 ? 1 : 4) + PADDING : 0;
    w->flat_row = (int64_t)columns * (made_bytes(j) > j->src_pixel * 2 ? made_bytes(j) : j->src_pixel * 2) + PADDING;
    int64_t sizes[] = {
        (span + 1) * (int64_t)sizeof *w->window, most(chunk_bytes(j->across), chunk_bytes(j->down)), w->group * w->tint_row,
        w->ring_lines * w->ring_row, w->group * w->tall_row, w->group * w->flat_row
    };
    uint8_t *parts[6];
    for (int i = 0; i < 6; i++) {
        parts[i] = base ? base + at : NULL;
        at += (sizes[i] + 63) / 64 * 64;
    }
    w->window = (const uint8_t **)(void *)parts[0];
    w->chunk = parts[1], w->tint = parts[2], w->ring = parts[3], w->tall = parts[4], w->flat = parts[5];
    return at;
}

static int64_t rows_bytes(const work *w) {
    return w->group * (w->tint_row + w->tall_row) + w->ring_lines * w->ring_row;
}

/* Choose how many columns a strip has, and lay out its memory. */
static int64_t prepare(work *w, const job *j, const level *l, uint8_t *base, int *columns) {
    *w = (work){.j = j, .l = l};
    *columns = j->width;
    int64_t bytes = lay_out(w, *columns, base);
    while (rows_bytes(w) > MOST_BYTES && *columns > LEAST_COLUMNS) {
        *columns = (*columns + 7) / 8 * 4;
        bytes = lay_out(w, *columns, base);
    }
    return bytes;
}

static const uint8_t *source_line(const work *w, int line) { return w->j->src + line * w->j->src_row; }

static uint8_t *ring_line(const work *w, int line) { return w->ring + line % w->ring_lines * w->ring_row; }

static void tinted(const work *w, const uint8_t *row, uint8_t *dst) {
    const job *j = w->j;
    if (j->dtype == UINT8)
        w->l->premultiply(row, w->right - w->left, j->channels, dst);
    else
        premultiply_wide(row, j->dtype, w->right - w->left, j->channels, (float *)(void *)dst);
}

/* Let the level make rows of the result, or the portable one what others do not. */
static void pass_across(const work *w, const strip *s, int dtype, uint8_t *const *dst) {
    const axis *a = w->j->across;
    const level *l = s->channels > 4 || chunk_lines(a) > MOST_CHUNKED ? &portable_level : w->l;
    l->across[dtype](s, a, w->from, w->to, dst, w->chunk);
}

/* Make the ring's next lines: of a few source lines at once. */
static void make_lines(work *w) {
    const job *j = w->j;
    strip s = {.count = w->group, .width = j->src_width, .channels = j->channels, .pixel = j->src_pixel};
    uint8_t *dst[ROWS];
    if (w->made + s.count > w->stop) s.count = w->stop - w->made;
    for (int i = 0; i < s.count; i++) {
        s.rows[i] = source_line(w, w->made + i);
        dst[i] = ring_line(w, w->made + i);
        if (j->premultiply) {
            uint8_t *tint = w->across_first ? w->tint + i * w->tint_row : dst[i];
            tinted(w, s.rows[i] + w->left * j->src_pixel, tint);
            s.rows[i] = tint - w->left * made_bytes(j);
        }
    }
    if (j->premultiply) s.width = w->right, s.pixel = made_bytes(j);
    if (w->across_first) pass_across(w, &s, w->dtype, dst);
    w->made += s.count;
}

/* Return a line that a pass down reads, or that is finished as it is: its column `left`, or result column `from`. */
static uint8_t *made_line(work *w, int line) {
    while (w->ring_lines && w->made <= line) make_lines(w);
    if (w->ring_lines) return ring_line(w, line);
    return (uint8_t *)(uintptr_t)(source_line(w, line) + w->left * w->pixel);
}

static void pass_down(work *w, int y, int64_t pixels, uint8_t *dst) {
    const axis *a = w->j->down;
    int dtype = w->across_first && w->dtype != UINT8 ? FLOAT32 : w->dtype;
    int first = axis_first(a)[y], count = axis_taps(a, y);
    for (int i = 0; i < count; i++) {
        int line = first + i < a->stop ? first + i : a->stop - 1; /* of a unit the last lines may be none */
        w->window[i] = made_line(w, line);
    }
    int64_t bytes = pixels * w->pixel, behind = 0;
    if (!w->across_first && !w->j->premultiply) behind = w->pixel - w->j->channels * sample_bytes(dtype);
    w->l->down[dtype](w->window, (bytes - behind) / sample_bytes(dtype), a, y, dst, w->chunk); /* of RGBX not the last X */
}

/* The same for a line that may change: the source's own is copied. */
static uint8_t *own_line(work *w, int line) {
    uint8_t *row = made_line(w, line);
    if (w->ring_lines || !w->j->unpremultiply) return row;
    return COPY(w->flat, row, (size_t)((w->right - w->left) * w->pixel));
}

/* Whether a pass down can write the result where it belongs. */
static int is_direct(const job *j, int64_t pixel) {
    int plain = j->dtype == j->out_dtype && j->dtype != UINT16 && !j->unpremultiply && !j->table && !j->affine;
    return plain && is_packed(j, pixel, sample_bytes(j->dtype));
}

static void finish_tall(work *w, int y, int count) {
    const job *j = w->j;
    int dtype = j->dtype == UINT8 ? UINT8 : FLOAT32;
    int64_t pixel = w->pixel / sample_bytes(w->dtype) * sample_bytes(dtype);
    strip s = {.count = count, .width = w->right, .channels = j->channels, .pixel = pixel};
    uint8_t *dst[ROWS];
    for (int i = 0; i < count; i++) {
        s.rows[i] = w->tall + i * w->tall_row - w->left * pixel;
        dst[i] = w->flat + i * w->flat_row;
    }
    pass_across(w, &s, dtype, dst);
    for (int i = 0; i < count; i++) finish_row(j, w->l, dtype, dst[i], made_bytes(j), w->from, w->to, y + i);
}

static void fit_height_first(work *w) {
    for (int y = 0; y < w->j->height; y++) {
        int i = y % w->group;
        pass_down(w, y, w->right - w->left, w->tall + i * w->tall_row);
        if (i == w->group - 1 || y == w->j->height - 1) finish_tall(w, y - i, i + 1);
    }
}

static void fit_strip(work *w) {
    const job *j = w->j;
    int passes = j->across || j->down, dtype = j->dtype == UINT8 || !passes ? w->dtype : FLOAT32;
    int64_t pixel = j->down ? w->pixel / sample_bytes(w->across_first ? dtype : w->dtype) * sample_bytes(dtype) : w->pixel;
    int direct = j->down && is_direct(j, pixel);
    for (int y = 0; y < j->height; y++) {
        uint8_t *row = w->flat;
        if (direct) row = j->out + y * j->out_row + w->from * j->out_pixel;
        if (j->down)
            pass_down(w, y, w->across_first ? w->to - w->from : w->right - w->left, row);
        else
            row = own_line(w, j->top + y);
        if (!direct) finish_row(j, w->l, dtype, row, pixel, w->from, w->to, y);
    }
}

/* Return the bytes of working memory that any of these jobs needs; it begins at a multiple of 64. */
EXPORT int64_t fastfit_work(const job *jobs, int count, int level_number) {
    int64_t most = 0;
    for (int i = 0; i < count; i++) {
        work w;
        int columns;
        int64_t bytes = prepare(&w, &jobs[i], level_at(level_number), NULL, &columns);
        if (bytes > most) most = bytes;
    }
    return most;
}

static void fit_one(const job *j, const level *l, uint8_t *memory) {
    work w;
    int columns;
    prepare(&w, j, l, memory, &columns);
    w.stop = j->down ? j->down->stop : j->top + j->height;
    for (int from = 0; from < j->width; from += columns) {
        set_columns(&w, from, from + columns < j->width ? from + columns : j->width);
        w.made = j->down ? j->down->start : j->top;
        if (j->height_first && j->across && j->down)
            fit_height_first(&w);
        else
            fit_strip(&w);
    }
}

/* Fit images one after the other, at a level that this processor has. */
EXPORT void fastfit_fit(const job *jobs, int count, int level_number, uint8_t *memory) {
    for (int i = 0; i < count; i++) fit_one(&jobs[i], level_at(level_number), memory);
}

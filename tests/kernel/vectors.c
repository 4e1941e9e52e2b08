/* Random jobs at every level of the kernel, without Python.

   All buffers have exactly the bytes that a job may touch. Compiled with a sanitizer, a byte read or written beside
   them is an error; so is one between rows that have a gap. Working memory and results begin as other numbers each
   time, so what is not written, or read before it is, makes levels differ.

   Usage: vectors SEED JOBS. Prints how many jobs ran at how many levels; the status is 1 if one is wrong. */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

int fastfit_levels(void);
int fastfit_each(int level_number);
int64_t fastfit_axis(int filter, int each, int down, int n_in, int n_out, double low, double high, int from, int to, void *block);
int64_t fastfit_work(const job *jobs, int count, int level_number);
void fastfit_fit(const job *jobs, int count, int level_number, uint8_t *memory);
void fastfit_reduce(
    const uint8_t *src, int64_t src_row, int width, int height, int channels, int dtype, int fx, int fy, int weighted,
    int level_number, uint8_t *out, void *memory
);

enum { MOST_LEVELS = 8, MOST_JOBS = 3 };
static const double SUPPORT[] = {0.5, 1.0, 1.0, 2.0, 3.0, 2.5, 4.5};
static const int BYTES[] = {1, 2, 4, 2};

/* ---- Random numbers: xorshift64*. */

static uint64_t state;

static uint32_t bits(void) {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717u) >> 32);
}

static int below(int most) { return (int)(bits() % (uint32_t)most); }
static int chance(int of) { return below(of) == 0; }
static double unit(void) { return bits() / 4294967296.0; }

static void *allocated(size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, size ? size : 1)) abort();
    return memory;
}

static int side(int most) {
    int kind = below(6);
    return 1 + below(kind == 0 ? 3 : kind < 5 && most > 60 ? 60 : most);
}

/* ---- Sources. */

/* A part of an image: rows [top, bottom) and columns [left, right) are in memory, others are not. */
typedef struct {
    uint8_t *memory;
    int64_t row, size; /* bytes from row to row, and in a row */
    int left, top, right, bottom;
} source;

static void fill_floats(float *samples, size_t count) {
    int kind = below(4);
    for (size_t i = 0; i < count; i++) {
        uint32_t any = bits();
        if (kind == 0)
            memcpy(&samples[i], &any, 4); /* NaN and infinities among them */
        else
            samples[i] = kind == 1 ? (float)(any >> 31) : (float)(unit() * 2 - 1);
    }
}

static void fill(uint8_t *memory, size_t size, int dtype) {
    int kind = below(3);
    if (dtype == FLOAT32)
        fill_floats((float *)(void *)memory, size / 4);
    else
        for (size_t i = 0; i < size; i++) memory[i] = kind ? (uint8_t)bits() : (uint8_t)(0u - (bits() & 1));
}

static void gaps(const source *s, int poison) {
    for (int y = 0; y < s->bottom - s->top - 1 && s->row % 8 == 0; y++) {
        uint8_t *gap = s->memory + y * s->row + s->size;
        if (poison)
            ASAN_POISON_MEMORY_REGION(gap, (size_t)(s->row - s->size));
        else
            ASAN_UNPOISON_MEMORY_REGION(gap, (size_t)(s->row - s->size));
    }
}

/* Return a number that changes with any byte in memory. */
static uint64_t digest(const source *s) {
    size_t size = (size_t)((s->bottom - s->top - 1) * s->row + s->size);
    uint64_t total = 0;
    for (size_t i = 0; i < size; i++) total = (total ^ s->memory[i]) * 1099511628211u;
    return total;
}

/* Make a source for a job; its pointer is that of the first pixel of the whole image, in memory or not. */
static source make_source(job *j, int left, int top, int right, int bottom) {
    source s = {.left = left, .top = top, .right = right, .bottom = bottom};
    int bytes = BYTES[j->dtype], rows = bottom - top;
    s.size = (right - left - 1) * j->src_pixel + j->channels * bytes;
    s.row = (right - left) * j->src_pixel;
    if (chance(2)) s.row = (s.row + 7) / 8 * 8 + 8 * below(3);
    size_t size = (size_t)((rows - 1) * s.row + s.size);
    s.memory = allocated(size);
    fill(s.memory, size, j->dtype);
    int turned = chance(4);
    j->src_row = turned ? -s.row : s.row;
    uintptr_t first = (uintptr_t)s.memory + (uintptr_t)(turned ? (rows - 1) * s.row : 0);
    j->src = (const uint8_t *)(first - (uintptr_t)(top * j->src_row) - (uintptr_t)(left * j->src_pixel));
    return s;
}

/* ---- Weights. */

/* The weights of an axis, as levels want them: of 8 bits in pairs and in quads, else as doubles. */
typedef struct {
    axis *pairs, *quads;
} axes;

/* Draw an axis of some lines of the result, and tell which input lines Python would keep for it. */
static axes make_axes(int doubles, int down, int n_in, int lines, int *begin, int *end) {
    int filter = below(7), n_out = lines + (chance(3) ? below(40) : 0), from = below(n_out - lines + 1);
    double low = 0, high = n_in;
    if (chance(2)) {
        low = (float)(unit() * n_in * 0.95);
        high = (float)(low + (n_in - low) * (0.02 + 0.98 * unit()));
        if (high > n_in) high = n_in;
    }
    axis *made[2];
    for (int i = 0; i < 2; i++) {
        int each = doubles ? 1 : 2 + 2 * i;
        made[i] = allocated((size_t)fastfit_axis(filter, each, down, n_in, n_out, low, high, from, from + lines, NULL));
        fastfit_axis(filter, each, down, n_in, n_out, low, high, from, from + lines, made[i]);
    }
    double scale = (high - low) / n_out, around = SUPPORT[filter] * (scale > 1 ? scale : 1) + 5;
    int first = (int)(low + from * scale - around) - 1, last = (int)(low + (from + lines) * scale + around) + 1;
    *begin = first > 0 ? first : 0;
    *end = last < n_in ? last : n_in;
    return (axes){made[0], made[1]};
}

/* ---- Results. */

typedef struct {
    uint8_t *memory, *written;
    size_t size, first;
} result;

/* Lay out a result: its three dimensions in any order and direction, with or without gaps. */
static result make_result(job *j) {
    int counts[3] = {j->channels, j->width, j->height}, order[3] = {0, 1, 2};
    int64_t strides[3], step = BYTES[j->out_dtype];
    result r = {.size = (size_t)step};
    if (chance(2))
        for (int i = 0; i < 2; i++) {
            int other = i + below(3 - i), kept = order[i];
            order[i] = order[other], order[other] = kept;
        }
    for (int i = 0, loose = chance(3); i < 3; i++) {
        int dimension = order[i];
        strides[dimension] = step * (loose ? 1 + below(3) : 1);
        step = strides[dimension] * counts[dimension];
        r.size += (size_t)(strides[dimension] * (counts[dimension] - 1));
        if (chance(6)) {
            r.first += (size_t)(strides[dimension] * (counts[dimension] - 1));
            strides[dimension] = -strides[dimension];
        }
    }
    j->out_channel = strides[0], j->out_pixel = strides[1], j->out_row = strides[2];
    r.memory = NULL;
    r.written = allocated(r.size);
    memset(r.written, 0, r.size);
    for (int y = 0; y < j->height; y++)
        for (int x = 0; x < j->width; x++)
            for (int c = 0; c < j->channels; c++) {
                int64_t at = (int64_t)r.first + y * j->out_row + x * j->out_pixel + c * j->out_channel;
                memset(r.written + at, 1, (size_t)BYTES[j->out_dtype]);
            }
    return r;
}

static int is_nan(const uint8_t *sample, int dtype) {
    uint16_t half;
    float value;
    memcpy(&half, sample, 2);
    if (dtype == FLOAT16) return (half & 0x7fff) > 0x7c00;
    if (dtype != FLOAT32) return 0;
    memcpy(&value, sample, 4);
    return value != value;
}

/* Tell whether a level's result is that of another; what is not of the result is as it was before. */
static int is_same(const result *r, const uint8_t *other, const uint8_t *mine, uint8_t before, int dtype) {
    for (size_t i = 0; i < r->size; i++) {
        if (!r->written[i] && mine[i] != before) return 0;
        if (!r->written[i] || mine[i] == other[i]) continue;
        size_t sample = i - (i - r->first % (size_t)BYTES[dtype]) % (size_t)BYTES[dtype];
        if (BYTES[dtype] == 1 || !is_nan(mine + sample, dtype) || !is_nan(other + sample, dtype)) return 0;
    }
    return 1;
}

/* ---- Jobs. */

typedef struct {
    source source;
    result result;
    axes across, down;
    uint8_t *table;
    double *affine;
} parts;

/* Draw what becomes of samples, as far as Python asks for it. */
static void draw_store(job *j, parts *p) {
    static const int STORED[] = {UINT8, FLOAT32, FLOAT16};
    j->out_dtype = j->dtype;
    if (chance(2)) return;
    j->out_dtype = j->dtype == UINT8 ? STORED[below(3)] : below(4);
    if (j->dtype == UINT8) {
        size_t size = (size_t)(256 * j->channels * BYTES[j->out_dtype]);
        p->table = allocated(size);
        fill(p->table, size, j->out_dtype);
        j->table = p->table;
    } else {
        p->affine = allocated((size_t)(1 + 2 * j->channels) * sizeof(double));
        for (int i = 0; i < 1 + 2 * j->channels; i++) p->affine[i] = unit() + 0.1;
        j->affine = p->affine;
    }
}

static void draw(job *j, parts *p) {
    *j = (job){.dtype = chance(2) ? UINT8 : below(3), .channels = 1 + below(6)};
    *p = (parts){0};
    int bytes = BYTES[j->dtype], has_alpha = j->channels == 2 || j->channels == 4;
    if (has_alpha) j->premultiply = chance(2), j->unpremultiply = chance(2);
    j->src_pixel = j->dtype == UINT8 && j->channels == 3 && chance(2) ? 4 : j->channels * bytes;
    int is_long = chance(40), width = side(200), height = side(200), left = 0, top = 0;
    if (is_long && chance(2)) width = 5000 + below(15000), height = 1 + below(3);
    if (is_long && width < 5000) height = 5000 + below(15000), width = 1 + below(3);
    j->width = side(200), j->height = side(200);
    if (chance(60)) /* many columns with tall windows */
        width = 200 + below(200), height = 150 + below(100), j->width = 2500 + below(1000), j->height = 1 + below(3);
    int right = width, bottom = height;
    if (chance(4)) {
        j->width = 1 + below(width < j->width ? width : j->width), j->left = left = below(width - j->width + 1), right = left + j->width;
    } else
        p->across = make_axes(j->dtype != UINT8, 0, width, j->width, &left, &right);
    if (chance(4)) {
        j->height = 1 + below(height < j->height ? height : j->height), j->top = top = below(height - j->height + 1), bottom = top + j->height;
    } else
        p->down = make_axes(j->dtype != UINT8, 1, height, j->height, &top, &bottom);
    j->height_first = chance(2);
    if (chance(2)) left = 0, top = 0, right = width, bottom = height; /* as it is given, nothing cut out */
    j->src_width = right;
    p->source = make_source(j, left, top, right, bottom);
    draw_store(j, p);
    p->result = make_result(j);
}

static void show(const job *j, int level, const char *what) {
    printf("level %d %s: dtype %d to %d, %d channels, %d wide, to %d x %d from %d, %d, across %d, down %d, "
           "height first %d, alpha %d %d, table %d, factors %d, strides %d %d to %d %d %d\n",
           level, what, j->dtype, j->out_dtype, j->channels, j->src_width, j->width, j->height, j->left, j->top, !!j->across,
           !!j->down, j->height_first, j->premultiply, j->unpremultiply, !!j->table, !!j->affine, (int)j->src_row,
           (int)j->src_pixel, (int)j->out_row, (int)j->out_pixel, (int)j->out_channel);
}

/* Run some jobs in one call at every level; return how many are wrong. */
static int run(int count) {
    job jobs[MOST_JOBS];
    parts all[MOST_JOBS];
    int wrong = 0;
    for (int i = 0; i < count; i++) draw(&jobs[i], &all[i]);
    uint64_t given[MOST_JOBS];
    for (int i = 0; i < count; i++) given[i] = digest(&all[i].source);
    uint8_t *made[MOST_LEVELS][MOST_JOBS];
    for (int level = 0; level < MOST_LEVELS; level++) {
        if (!(fastfit_levels() >> level & 1)) continue;
        for (int i = 0; i < count; i++) {
            jobs[i].across = fastfit_each(level) == 4 ? all[i].across.quads : all[i].across.pairs;
            jobs[i].down = fastfit_each(level) == 4 ? all[i].down.quads : all[i].down.pairs;
        }
        size_t needed = (size_t)fastfit_work(jobs, count, level);
        uint8_t *memory = allocated(needed), before = (uint8_t)(0x5a + level);
        for (size_t i = 0; i < needed; i++) memory[i] = (uint8_t)bits();
        for (int i = 0; i < count; i++) {
            result *r = &all[i].result;
            made[level][i] = allocated(r->size);
            memset(made[level][i], before, r->size);
            jobs[i].out = made[level][i] + r->first;
            gaps(&all[i].source, 1);
        }
        fastfit_fit(jobs, count, level, memory);
        free(memory);
        for (int i = 0; i < count; i++) {
            gaps(&all[i].source, 0);
            int kept = digest(&all[i].source) == given[i];
            if (kept && is_same(&all[i].result, made[0][i], made[level][i], before, jobs[i].out_dtype)) continue;
            if (wrong++ == 0) show(&jobs[i], level, kept ? "differs" : "writes to the source");
        }
    }
    for (int i = 0; i < count; i++) {
        parts *p = &all[i];
        void *owned[] = {p->source.memory, p->result.written, p->table, p->affine};
        for (int k = 0; k < 4; k++) free(owned[k]);
        free(p->across.pairs), free(p->across.quads), free(p->down.pairs), free(p->down.quads);
        for (int level = 0; level < MOST_LEVELS; level++)
            if (fastfit_levels() >> level & 1) free(made[level][i]);
    }
    return wrong;
}

/* Average blocks at every level; return how many results are wrong. */
static int reduce(void) {
    int width = side(300), height = side(300), fx = side(40), fy = side(40), dtype = below(3), wrong = 0;
    job j = {.dtype = dtype, .channels = 1 + below(6), .src_width = width};
    int premultiply = (j.channels == 2 || j.channels == 4) && chance(2);
    j.src_pixel = j.channels * BYTES[dtype];
    source s = make_source(&j, 0, 0, width, height);
    uint64_t given = digest(&s);
    gaps(&s, 1);
    size_t size = (size_t)((width - 1) / fx + 1) * (size_t)((height - 1) / fy + 1) * (size_t)j.channels
        * (premultiply && dtype != UINT8 ? 4 : (size_t)BYTES[dtype]);
    uint8_t *made[2] = {allocated(size), allocated(size)};
    for (int level = 0; level < MOST_LEVELS; level++) {
        if (!(fastfit_levels() >> level & 1)) continue;
        void *memory = allocated(12 * (size_t)width * (size_t)j.channels);
        uint8_t *out = made[level > 0];
        memset(out, 0x5a + level, size);
        fastfit_reduce(j.src, j.src_row, width, height, j.channels, dtype, fx, fy, premultiply, level, out, memory);
        wrong += level && memcmp(out, made[0], size);
        free(memory);
    }
    gaps(&s, 0);
    wrong += digest(&s) != given;
    if (wrong) printf("averages of %d x %d of %d x %d pixels of %d channels\n", fx, fy, width, height, j.channels);
    free(s.memory), free(made[0]), free(made[1]);
    return wrong;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int wanted = atoi(argv[2]), done = 0, wrong = 0, levels = 0;
    state = 88172645463325252u + (uint64_t)atoi(argv[1]) * 1000003u;
    while (done < wanted) {
        int count = 1 + below(MOST_JOBS);
        wrong += run(count);
        done += count;
        wrong += reduce();
    }
    for (int level = 0; level < MOST_LEVELS; level++) levels += fastfit_levels() >> level & 1;
    printf("%d jobs at %d levels, %d wrong\n", done, levels, wrong);
    return wrong > 0;
}

// Maps a compiled network and runs it: quantize the inputs, run the steps, dequantize the outputs.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "boundary.h"
#include "dyadic.h"
#include "team.h"

#define PUBLIC extern "C" __attribute__((visibility("default")))

using dyadic::Boundary;

namespace {

const int64_t MAGIC = 0x64796164696303; // "dyadic", 3: changes with the packing below
const int64_t SLACK = 64;
const int MAX_INPUTS = 4, MAX_SCALARS = 16;
enum Kind { ARENA, STATE, SCALARS };

struct Message {
    char *text;
    int64_t bytes;

    int operator()(int code, const char *format, ...) const __attribute__((format(printf, 3, 4))) {
        va_list arguments;
        va_start(arguments, format);
        if (text && bytes > 0)
            vsnprintf(text, bytes, format, arguments);
        va_end(arguments);
        return code;
    }
};

struct Reference {
    int64_t buffer, offset; // buffer -1: the weights
};

struct Buffer {
    int64_t kind, offset; // in an image's memory of that kind
};

struct Tensor {
    Reference at;
    Boundary boundary;
    int64_t elements;      // from one image to the next, outside: of the whole array, where this is a part of it
    int64_t integer_bytes; // of an element, where integers are given or taken
    bool is_float;
};

struct Step {
    dyadic_kernel kernel;
    Reference out, in[MAX_INPUTS];
    int64_t inputs, weights, params, tiles;
    int64_t weight_tiles; // that follow each other with the same weights, or 0
    bool overlap; // may run without a barrier after the step before it
};

// Reads the packing of runtime/program.py.
struct Words {
    const int64_t *at, *end;
    int64_t next() { return at < end ? *at++ : 0; }
    bool done() const { return at == end; }
};

float as_float(int64_t bits) {
    const uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

template <class T> T *allocate(int64_t count) { return static_cast<T *>(calloc(count ? count : 1, sizeof(T))); }

} // namespace

struct dyadic_model {
    std::atomic<int> references{1};
    uint8_t *file = nullptr;
    int64_t file_bytes = 0;
    uint8_t *code_map = nullptr;
    int64_t code_map_bytes = 0;
    bool code_is_copied = false;
    const uint8_t *code = nullptr, *weights = nullptr, *params = nullptr;
    int64_t arena_bytes = 0, scratch_bytes = 0, state_bytes = 0, scalars = 0;
    int64_t buffers = 0, inputs = 0, outputs = 0, steps = 0;
    int64_t together = 0; // the first step that takes all images before the next step begins
    Buffer *buffer = nullptr;
    Tensor *input = nullptr, *output = nullptr;
    Step *step = nullptr;
};

struct dyadic_context {
    dyadic_model *model = nullptr;
    dyadic::Team team;
    int64_t max_batch = 0;
    uint8_t *map = nullptr;
    int64_t map_bytes = 0;
    uint8_t *arena = nullptr, *scratch = nullptr;
    uint8_t *state = nullptr; // zero at first; every image has its own
    alignas(64) int64_t scalars[MAX_SCALARS + SLACK / 8] = {};
    int64_t image_stride = 0, scratch_stride = 0; // every image has an arena of its own, every thread its scratch

    // The run in progress.
    const void *const *sources = nullptr;
    void *const *targets = nullptr;
    int64_t batch = 0;
    bool raw = false;
    int64_t *times = nullptr;
};

namespace {

// --- the model

void read_tensor(Words &words, Tensor &t) {
    Boundary &b = t.boundary;
    t.is_float = words.next();
    t.at.buffer = words.next();
    t.at.offset = words.next();
    b.channels = words.next(), b.height = words.next(), b.width = words.next();
    b.pixel = words.next(), b.row = words.next(), b.plane = words.next();
    b.top = words.next(), b.left = words.next(), b.bottom = words.next(), b.right = words.next();
    b.lanes = words.next();
    b.from_channel = words.next(), b.from_pixel = words.next(), b.from_row = words.next();
    t.elements = words.next();
    b.scale = as_float(words.next());
    b.zero_point = (int32_t)words.next(), b.lo = (int32_t)words.next(), b.hi = (int32_t)words.next();
    t.integer_bytes = b.plane ? 2 : 1;
}

void read_step(Words &words, Step &s, const uint8_t *code) {
    s.kernel = reinterpret_cast<dyadic_kernel>(reinterpret_cast<uintptr_t>(code + words.next()));
    s.out.buffer = words.next(), s.out.offset = words.next();
    s.inputs = words.next();
    for (Reference &in : s.in)
        in.buffer = words.next(), in.offset = words.next();
    s.weights = words.next(), s.params = words.next();
    s.tiles = words.next();
    s.weight_tiles = words.next();
    s.overlap = words.next();
}

// The code image, readable and executable, never writable at the same time.
int map_code(dyadic_model &m, int file, int64_t offset, int64_t bytes, bool copy, const Message &message) {
    const int64_t page = sysconf(_SC_PAGESIZE), inside = offset % page;
    int refused = 0;
    if (!copy) {
        void *map = mmap(nullptr, inside + bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, offset - inside);
        if (map != MAP_FAILED) {
            m.code_map = static_cast<uint8_t *>(map);
            m.code_map_bytes = inside + bytes;
            m.code = m.code_map + inside;
            return DYADIC_OK;
        }
        refused = errno; // a noexec file system, or a policy
    }
    void *map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return message(DYADIC_RESOURCE, "no memory for %lld bytes of code: %s", (long long)bytes, strerror(errno));
    m.code_map = static_cast<uint8_t *>(map);
    m.code_map_bytes = bytes;
    m.code = m.code_map;
    m.code_is_copied = true;
    memcpy(map, m.file + offset, bytes);
    if (mprotect(map, bytes, PROT_READ | PROT_EXEC) != 0)
        return message(DYADIC_MACHINE,
                       "this system does not let the artifact's code run (executable mapping of the file: %s; "
                       "executable copy: %s); a security policy must allow one of the two",
                       copy ? "not tried" : strerror(refused), strerror(errno));
#if defined(__aarch64__)
    __builtin___clear_cache((char *)map, (char *)map + bytes);
#endif
    return DYADIC_OK;
}

void release(dyadic_model *m) {
    if (!m || m->references.fetch_sub(1) != 1)
        return;
    if (m->code_map)
        munmap(m->code_map, m->code_map_bytes);
    if (m->file)
        munmap(m->file, m->file_bytes);
    free(m->buffer);
    free(m->input);
    free(m->output);
    free(m->step);
    m->~dyadic_model();
    free(m);
}

int open_model(dyadic_model &m, int file, Words words, bool copy_code, const Message &message) {
    if (words.next() != MAGIC)
        return message(DYADIC_INTERNAL, "the packed program is not for this library");
    m.file_bytes = words.next();
    const int64_t code_offset = words.next(), code_bytes = words.next();
    const int64_t weights_offset = words.next(), params_offset = words.next();
    m.arena_bytes = words.next();
    m.scratch_bytes = words.next();
    m.state_bytes = words.next();
    m.scalars = words.next();
    m.buffers = words.next(), m.inputs = words.next(), m.outputs = words.next(), m.steps = words.next();
    m.together = words.next();
    m.buffer = allocate<Buffer>(m.buffers);
    m.input = allocate<Tensor>(m.inputs);
    m.output = allocate<Tensor>(m.outputs);
    m.step = allocate<Step>(m.steps);
    if (!m.buffer || !m.input || !m.output || !m.step)
        return message(DYADIC_RESOURCE, "no memory for a program of %lld steps", (long long)m.steps);

    // Shared: the weights of several processes are the same pages.
    void *map = mmap(nullptr, m.file_bytes, PROT_READ, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        return message(DYADIC_RESOURCE, "cannot map the artifact: %s", strerror(errno));
    m.file = static_cast<uint8_t *>(map);
    m.weights = m.file + weights_offset;
    m.params = m.file + params_offset;
    if (code_bytes)
        if (const int code = map_code(m, file, code_offset, code_bytes, copy_code, message))
            return code;

    for (int64_t i = 0; i < m.buffers; i++)
        m.buffer[i].kind = words.next(), m.buffer[i].offset = words.next();
    for (int64_t i = 0; i < m.inputs; i++)
        read_tensor(words, m.input[i]);
    for (int64_t i = 0; i < m.outputs; i++)
        read_tensor(words, m.output[i]);
    for (int64_t i = 0; i < m.steps; i++)
        read_step(words, m.step[i], m.code);
    return words.done() ? DYADIC_OK : message(DYADIC_INTERNAL, "the packed program has another length");
}

// --- the run

uint8_t *resolve(const dyadic_context &c, const Reference &at, int64_t image) {
    if (at.buffer < 0)
        return const_cast<uint8_t *>(c.model->weights) + at.offset;
    const Buffer &buffer = c.model->buffer[at.buffer];
    const int64_t offset = buffer.offset + at.offset;
    switch (buffer.kind) {
    case ARENA:
        return c.arena + c.image_stride * image + offset;
    case STATE:
        return c.state + c.model->state_bytes * image + offset;
    default:
        return reinterpret_cast<uint8_t *>(const_cast<int64_t *>(c.scalars)) + offset;
    }
}

struct Share {
    int64_t first, last;
};

// The static split: it depends on nothing but the numbers, and no result depends on it.
Share share(int64_t tiles, int threads, int thread) {
    return {tiles * thread / threads, tiles * (thread + 1) / threads};
}

// Rows `mine` of an input, counted through the batch, each image's halo included.
void take_in(const dyadic_context &c, const Tensor &t, const void *source, Share mine) {
    const Boundary &b = t.boundary;
    const int64_t rows = b.top + b.height + b.bottom;
    for (int64_t i = mine.first; i < mine.last; i++) {
        const int64_t image = i / rows, row = i % rows - b.top;
        uint8_t *q = resolve(c, t.at, image);
        if (t.is_float && !c.raw)
            dyadic::quantize_row(b, static_cast<const float *>(source) + image * t.elements, q, row);
        else
            dyadic::copy_row_in(b, static_cast<const uint8_t *>(source) + image * t.elements * t.integer_bytes, q, row);
    }
}

// A thread's part of every input, for `count` images from `image` on that `threads` share.
void take_in_images(const dyadic_context &c, int64_t image, int64_t count, int threads, int thread) {
    for (int64_t i = 0; i < c.model->inputs; i++) {
        const Tensor &t = c.model->input[i];
        const int64_t rows = t.boundary.top + t.boundary.height + t.boundary.bottom;
        const Share mine = share(rows * count, threads, thread);
        take_in(c, t, c.sources[i], {rows * image + mine.first, rows * image + mine.last});
    }
}

void give_out(const dyadic_context &c, const Tensor &t, void *target, int thread) {
    const Boundary &b = t.boundary;
    const Share mine = share(b.height * c.batch, c.team.threads(), thread);
    for (int64_t i = mine.first; i < mine.last; i++) {
        const int64_t image = i / b.height, row = i % b.height;
        const uint8_t *q = resolve(c, t.at, image);
        if (t.is_float && !c.raw)
            dyadic::dequantize_row(b, q, static_cast<float *>(target) + image * t.elements, row);
        else
            dyadic::copy_row_out(b, q, static_cast<uint8_t *>(target) + image * t.elements * t.integer_bytes, row);
    }
}

// Tiles of one image.
void run_tiles(const dyadic_context &c, const Step &s, int thread, int64_t image, Share mine) {
    if (mine.first == mine.last)
        return;
    uint8_t *scratch = c.scratch + thread * c.scratch_stride;
    // Behind the thread's scratch memory and not on its stack: no kernel is given an address of that.
    const uint8_t **in = reinterpret_cast<const uint8_t **>(scratch + c.scratch_stride) - MAX_INPUTS;
    for (int64_t i = 0; i < MAX_INPUTS; i++)
        in[i] = i < s.inputs ? resolve(c, s.in[i], image) : nullptr;
    const uint8_t *weights = s.weights < 0 ? nullptr : c.model->weights + s.weights;
    const int32_t *params = s.params < 0 ? nullptr : reinterpret_cast<const int32_t *>(c.model->params + s.params);
    s.kernel(in, resolve(c, s.out, image), weights, params, scratch, mine.first, mine.last);
}

// Whether so many equal parts are work for all threads alike, or nearly so.
bool even(int64_t parts, int threads) { return parts % threads == 0 || parts >= 4 * threads; }

// A thread's share of a step for the whole batch. Where tiles share weights, images take turns with them.
void run_step(const dyadic_context &c, const Step &s, int thread) {
    const int64_t size = c.batch > 1 && s.weight_tiles ? s.weight_tiles : s.tiles, parts = s.tiles / size;
    if (parts == 1 || !even(parts * c.batch, c.team.threads())) { // image after image
        const Share mine = share(s.tiles * c.batch, c.team.threads(), thread);
        for (int64_t at = mine.first; at < mine.last;) {
            const int64_t image = at / s.tiles, start = image * s.tiles;
            const int64_t end = mine.last < start + s.tiles ? mine.last : start + s.tiles;
            run_tiles(c, s, thread, image, {at - start, end - start});
            at = end;
        }
        return;
    }
    const Share mine = share(parts * c.batch, c.team.threads(), thread);
    for (int64_t i = mine.first; i < mine.last; i++)
        run_tiles(c, s, thread, i % c.batch, {i / c.batch * size, (i / c.batch + 1) * size});
}

// The calling thread's time, added up by step.
struct Clock {
    int64_t *times, last;
    void add(int64_t slot) {
        if (!times)
            return;
        const int64_t now = dyadic::now_ns();
        times[slot] += now - last;
        last = now;
    }
};

// The first steps, image after image, so that what one hands to the next stays in the cache. With images for every
// thread, each has its own and meets the others at the end; else all share each image.
void run_images(dyadic_context &c, int thread, Clock &clock) {
    const dyadic_model &m = *c.model;
    const int threads = c.team.threads();
    const bool apart = even(c.batch, threads);
    const Share images = apart ? share(c.batch, threads, thread) : Share{0, c.batch};
    for (int64_t image = images.first; image < images.last; image++) {
        take_in_images(c, image, 1, apart ? 1 : threads, apart ? 0 : thread);
        for (int64_t i = 0; i < m.together; i++) {
            const Step &s = m.step[i];
            if (!apart && (i == 0 || !s.overlap || c.times))
                c.team.barrier();
            clock.add(i); // of what came before: the input, or the step before this one
            run_tiles(c, s, thread, image, apart ? Share{0, s.tiles} : share(s.tiles, threads, thread));
        }
        clock.add(m.together);
    }
}

// What every thread of the team does.
void work(void *job, int thread) {
    dyadic_context &c = *static_cast<dyadic_context *>(job);
    const dyadic_model &m = *c.model;
    const dyadic::DefaultFloatingPoint guard; // of this thread
    Clock clock{thread == 0 ? c.times : nullptr, c.times ? dyadic::now_ns() : 0};
    if (clock.times)
        memset(clock.times, 0, (m.steps + 2) * sizeof *clock.times);

    const int64_t first = c.batch > 1 ? m.together : 0;
    if (first)
        run_images(c, thread, clock);
    else
        take_in_images(c, 0, c.batch, c.team.threads(), thread);
    for (int64_t i = first; i < m.steps; i++) {
        if (i == first || !m.step[i].overlap || c.times) {
            c.team.barrier();
            clock.add(i);
        }
        run_step(c, m.step[i], thread);
    }
    c.team.barrier();
    clock.add(m.steps);
    for (int64_t i = 0; i < m.outputs; i++)
        give_out(c, m.output[i], c.targets[i], thread);
    if (c.times)
        c.team.barrier();
    clock.add(m.steps + 1);
}

int open_context(dyadic_context &c, int threads, int64_t max_batch, int64_t spin_ns, const Message &message) {
    const dyadic_model &m = *c.model;
    c.max_batch = max_batch;
    c.team.open(threads, spin_ns);
    const int64_t huge = 2 << 20;
    // An odd number of lines apart, so that the same place of many images is not the same set of the cache.
    c.image_stride = m.arena_bytes + (m.arena_bytes / 64 % 2 ? 0 : 64);
    const int64_t arena_bytes = (c.image_stride * max_batch + SLACK + 4095) & -4096;
    c.scratch_stride = (m.scratch_bytes + 2 * SLACK + 4095) & -4096;
    const int64_t state_bytes = m.state_bytes ? (m.state_bytes * max_batch + SLACK + 4095) & -4096 : 0;
    c.map_bytes = arena_bytes + c.scratch_stride * threads + state_bytes + huge;
    void *map = mmap(nullptr, c.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return message(DYADIC_RESOURCE, "no memory for a batch of %lld on %d threads, which takes %lld MiB: %s",
                       (long long)max_batch, threads, (long long)(c.map_bytes >> 20), strerror(errno));
    c.map = static_cast<uint8_t *>(map);
    c.arena = reinterpret_cast<uint8_t *>((reinterpret_cast<uintptr_t>(map) + huge - 1) & -huge);
    c.scratch = c.arena + arena_bytes;
    c.state = c.scratch + c.scratch_stride * threads;
    if (arena_bytes >= huge)
        madvise(c.arena, arena_bytes + c.scratch_stride * threads, MADV_HUGEPAGE); // only a wish
    return DYADIC_OK;
}

void destroy(dyadic_context *c) {
    if (!c)
        return;
    c->team.close();
    if (c->map)
        munmap(c->map, c->map_bytes);
    release(c->model);
    c->~dyadic_context();
    free(c);
}

} // namespace

PUBLIC int dyadic_model_open(int file, const int64_t *program, int64_t words, int copy_code, dyadic_model **model,
                             char *text, int64_t text_bytes) {
    const Message message{text, text_bytes};
    *model = nullptr;
    void *memory = malloc(sizeof(dyadic_model));
    if (!memory)
        return message(DYADIC_RESOURCE, "no memory for a model");
    dyadic_model *m = new (memory) dyadic_model;
    if (const int code = open_model(*m, file, Words{program, program + words}, copy_code, message)) {
        release(m);
        return code;
    }
    *model = m;
    return DYADIC_OK;
}

PUBLIC void dyadic_model_close(dyadic_model *model) { release(model); }

PUBLIC int dyadic_model_code_is_copied(const dyadic_model *model) { return model->code_is_copied; }

PUBLIC int dyadic_context_open(dyadic_model *model, int threads, int64_t max_batch, int64_t spin_ns,
                               dyadic_context **context, char *text, int64_t text_bytes) {
    const Message message{text, text_bytes};
    *context = nullptr;
    void *memory = nullptr;
    if (posix_memalign(&memory, alignof(dyadic_context), sizeof(dyadic_context)) != 0)
        return message(DYADIC_RESOURCE, "no memory for a context");
    dyadic_context *c = new (memory) dyadic_context;
    model->references.fetch_add(1);
    c->model = model;
    if (const int code = open_context(*c, threads, max_batch, spin_ns, message)) {
        destroy(c);
        return code;
    }
    *context = c;
    return DYADIC_OK;
}

PUBLIC void dyadic_context_close(dyadic_context *context) { destroy(context); }

PUBLIC void *dyadic_context_state(dyadic_context *c, int64_t *bytes) {
    *bytes = c->model->state_bytes * c->max_batch;
    return c->state;
}

PUBLIC int dyadic_context_run(dyadic_context *c, const void *const *inputs, void *const *outputs, int64_t batch,
                              int raw, const int64_t *scalars, int64_t *times, char *text, int64_t text_bytes) {
    const Message message{text, text_bytes};
    if (batch < 1 || batch > c->max_batch)
        return message(DYADIC_INTERNAL, "a batch of %lld in a context for 1 to %lld", (long long)batch,
                       (long long)c->max_batch);
    c->sources = inputs;
    c->targets = outputs;
    c->batch = batch;
    c->raw = raw;
    memcpy(c->scalars, scalars, c->model->scalars * sizeof *scalars);
    c->times = times;
    if (const int failure = c->team.run(work, c))
        return message(DYADIC_RESOURCE, "cannot start %d threads: %s; ask for fewer with threads=N",
                       c->team.threads() - 1, strerror(failure));
    return DYADIC_OK;
}

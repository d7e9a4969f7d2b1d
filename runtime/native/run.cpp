// Runs a mapped network: quantize the inputs, run the steps, dequantize the outputs.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

#include "boundary.h"
#include "model.h"
#include "team.h"

using namespace dyadic;

struct dyadic_context {
    dyadic_program *model = nullptr;
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
    const dyadic_program &m = *c.model;
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
    const dyadic_program &m = *c.model;
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
    const dyadic_program &m = *c.model;
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

PUBLIC int dyadic_context_open(dyadic_program *model, int threads, int64_t max_batch, int64_t spin_ns,
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
    if (c->model->scalars)
        memcpy(c->scalars, scalars, c->model->scalars * sizeof *scalars);
    c->times = times;
    if (const int failure = c->team.run(work, c))
        return message(DYADIC_RESOURCE, "cannot start %d threads: %s; ask for fewer with threads=N",
                       c->team.threads() - 1, strerror(failure));
    return DYADIC_OK;
}

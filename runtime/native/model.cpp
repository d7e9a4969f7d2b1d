// Maps a compiled network: its code, its weights, and the program that runtime/cpu/program.py packs.
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

using namespace dyadic;

namespace {

const int64_t MAGIC = 0x64796164696305; // "dyadic", 5: changes with the packing below

// Reads the packing of runtime/cpu/program.py.
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
    b.behind = (int32_t)words.next();
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
int map_code(dyadic_program &m, int file, int64_t offset, int64_t bytes, bool copy, const Message &message) {
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

int open_model(dyadic_program &m, int file, Words words, bool copy_code, const Message &message) {
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

} // namespace

void dyadic::release(dyadic_program *m) {
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
    m->~dyadic_program();
    free(m);
}

PUBLIC int dyadic_program_open(int file, const int64_t *program, int64_t words, int copy_code, dyadic_program **model,
                             char *text, int64_t text_bytes) {
    const Message message{text, text_bytes};
    *model = nullptr;
    void *memory = malloc(sizeof(dyadic_program));
    if (!memory)
        return message(DYADIC_RESOURCE, "no memory for a model");
    dyadic_program *m = new (memory) dyadic_program;
    if (const int code = open_model(*m, file, Words{program, program + words}, copy_code, message)) {
        release(m);
        return code;
    }
    *model = m;
    return DYADIC_OK;
}

PUBLIC void dyadic_program_close(dyadic_program *model) { release(model); }

PUBLIC int dyadic_program_code_is_copied(const dyadic_program *model) { return model->code_is_copied; }

// The words that model.cpp reads, made of a checked program: `pack` of runtime/cpu/program.py in C++.
#include <string.h>

#include <algorithm>

#include "layout.h"
#include "program.h"

namespace dyadic {
namespace {

const int64_t PACKING = 0x64796164696305; // first word of a packed program; model.cpp has the same
const size_t STEP_INPUTS = 4;
const char *const KINDS[] = {"arena", "state", "scalars"};

// How many bytes of a pixel quantization may write: the pad lanes too, where they are nobody else's.
int64_t lanes(const CpuProgram &p, const Port &t, const Rows &seen) {
    const Layout &at = t.layout;
    const auto there = [&](const Port &other) { return other.layout.buffer == at.buffer; };
    const bool alone = std::count_if(p.inputs.begin(), p.inputs.end(), there) == 1;
    const int64_t columns = seen.left + seen.width + seen.right;
    const bool fits = seen.row >= columns * seen.pixel || seen.top + seen.height + seen.bottom == 1;
    const Wide end = at.offset + ((Wide)seen.height - 1 + seen.bottom) * seen.row +
                     ((Wide)seen.width + seen.right) * seen.pixel;
    const int64_t room = at.plane ? at.plane : p.buffers[at.buffer].size;
    return alone && fits && end <= room ? seen.pixel : seen.channels;
}

void pack_port(const CpuProgram &p, const Port &t, std::vector<int64_t> &words) {
    std::vector<int64_t> sizes = t.sizes(), whole = t.array();
    if (t.is_ids()) {
        sizes.push_back(ID_BYTES);
        whole.push_back(ID_BYTES);
    }
    Rows seen;
    rows_of(sizes, t.layout, whole, &seen);
    int64_t elements = 1;
    for (const int64_t size : whole)
        elements *= size;
    const float scale = (float)t.scale;
    uint32_t bits;
    memcpy(&bits, &scale, sizeof bits);
    for (const int64_t word :
         {(int64_t)(!t.is_input || t.dtype == "float32"), t.layout.buffer, t.layout.offset, seen.channels, seen.height,
          seen.width, seen.pixel, seen.row, t.layout.plane, seen.top, seen.left, seen.bottom, seen.right,
          t.is_input ? lanes(p, t, seen) : seen.channels, seen.from_channel, seen.from_pixel, seen.from_row, elements,
          (int64_t)bits, t.zero_point, t.is_ids() ? 0 : t.lo, t.is_ids() ? 255 : t.hi,
          t.mark >= 0 ? t.mark : t.layout.plane ? 0 : t.zero_point})
        words.push_back(word);
}

} // namespace

std::vector<int64_t> packed(const CpuProgram &p, const std::string &level, int64_t file_bytes, int64_t code,
                            int64_t code_bytes, int64_t weights, int64_t params) {
    const auto count = [](const auto &list) { return (int64_t)list.size(); };
    std::vector<int64_t> words = {PACKING,         file_bytes,      code,
                                  code_bytes,      weights,         params,
                                  p.arena_bytes,   p.scratch_bytes, p.state_bytes,
                                  count(p.scalars), count(p.buffers), count(p.inputs),
                                  count(p.outputs), count(p.steps),  p.together};
    for (const Region &buffer : p.buffers) {
        words.push_back(std::find(std::begin(KINDS), std::end(KINDS), buffer.kind) - std::begin(KINDS));
        words.push_back(buffer.offset);
    }
    for (const auto *ports : {&p.inputs, &p.outputs})
        for (const Port &port : *ports)
            pack_port(p, port, words);
    const auto &kernels = p.entries.at(level);
    for (const ProgramStep &step : p.steps) {
        for (const int64_t word : {kernels.at(step.kernel).offset, step.out.buffer, step.out.offset,
                                   count(step.inputs)})
            words.push_back(word);
        for (size_t i = 0; i < STEP_INPUTS; i++) {
            words.push_back(i < step.inputs.size() ? step.inputs[i].buffer : -1);
            words.push_back(i < step.inputs.size() ? step.inputs[i].offset : 0);
        }
        for (const int64_t word : {step.weights, step.params, step.tiles, step.weight_tiles, (int64_t)step.overlap})
            words.push_back(word);
    }
    return words;
}

} // namespace dyadic

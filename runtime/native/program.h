// A program for the processor as the header describes it: the fields of runtime/program.py and runtime/cpu/program.py.
#ifndef DYADIC_PROGRAM_H
#define DYADIC_PROGRAM_H

#include <stdint.h>

#include <map>
#include <string>
#include <vector>

#include "json.h"

namespace dyadic {

const int64_t ALIGNMENT = 64, LIMIT = (int64_t)1 << 40;
const int64_t ID_BYTES = 4; // of an int32 input's number
const int64_t BATCH = INT64_MIN, OTHER_NAME = INT64_MIN + 1; // in shapes: 'N', and any other text

struct Place { // a byte of a buffer; buffer -1: the weights
    int64_t buffer = 0, offset = 0;
};

struct Region {
    int64_t offset = 0, size = 0;
    std::string kind = "arena";
};

struct Margin {
    int64_t before = 0, after = 0;
};

struct Layout {
    int64_t buffer = 0, offset = 0, image = 0, plane = 0;
    std::vector<int64_t> strides;
    std::vector<Margin> halo;
};

struct LastFunction {
    std::string name;
    int64_t axis = 0, entries = 0;
    bool left_out = false;
    std::vector<int64_t> shape;
    bool ranks() const;
    bool operator==(const LastFunction &other) const;
};

// An input, or an output or a part of one.
struct Port {
    bool is_input = false;
    std::string name, dtype, given, fixed;
    std::vector<int64_t> shape;
    Layout layout;
    double scale = 0;
    int64_t zero_point = 0, lo = 0, hi = 255, tokens = 0, padding = -1, mark = -1, batch_axis = 0;
    std::vector<int64_t> start, whole;
    LastFunction last;

    bool is_ids() const { return is_input && dtype == "int32"; }
    bool is_wide() const { return layout.plane != 0; }
    // Sizes without the batch: its own, and those of the user's array that it is, or is a part of.
    std::vector<int64_t> sizes() const { return {shape.begin() + 1, shape.end()}; }
    std::vector<int64_t> array() const { return whole.empty() ? sizes() : whole; }
    std::vector<int64_t> answer() const { return last.ranks() ? last.shape : array(); }
};

struct ProgramStep {
    std::string layer, kernel;
    Place out;
    std::vector<Place> inputs;
    int64_t tiles = 0, weights = -1, params = -1, macs = 0, weight_tiles = 0;
    bool overlap = false;
};

struct Entry {
    int64_t offset = 0, length = 0;
};

struct Scalar {
    std::string name;
    Wide low = 0, high = 0;
};

struct CpuProgram {
    std::string variant, weights, params, code;
    int64_t arena_bytes = 0, scratch_bytes = 0, state_bytes = 0, together = 0;
    std::vector<Region> buffers;
    std::vector<Port> inputs, outputs;
    std::vector<ProgramStep> steps;
    std::vector<Scalar> scalars;
    std::map<std::string, std::map<std::string, Entry>> entries; // by level and kernel

    std::string image(const std::string &level) const { return code + "/" + level; }
    std::vector<std::string> sections() const;
    std::vector<std::vector<const Port *>> results() const; // the outputs that make each array of the user's
    int64_t length() const; // how many tokens it has room for; 0: there are none
};

// Reads the shape of the data; refuses anything else.
CpuProgram read_program(const Json &value);

// Refuses a program unless every access that the runtime itself makes is in bounds. lengths: of the sections, in bytes.
void check_program(const CpuProgram &program, const std::map<std::string, int64_t> &lengths);

// Refuses what is not the same for every target: names, parts, scalars.
void check_interface(const CpuProgram &program);

// Programs for fewer tokens take and give the same as the longest, but for that dimension.
void check_alike(const CpuProgram &longest, const CpuProgram &other);

// A product of sizes; what is beyond 2^62 is refused.
int64_t product(const std::vector<int64_t> &sizes, const Where &where);

// The words that model.cpp reads.
std::vector<int64_t> packed(const CpuProgram &program, const std::string &level, int64_t file_bytes, int64_t code,
                            int64_t code_bytes, int64_t weights, int64_t params);

} // namespace dyadic

#endif

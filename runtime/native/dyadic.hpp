// dyadic from C++17: dyadic.h with destructors, exceptions and types. Link with libdyadic; docs/c-host.md says more.
//
//     const dyadic::Model model("model.dyq");
//     std::vector<float> image(model.input_bytes(0) / sizeof(float)), scores(model.output_bytes(0) / sizeof(float));
//     model.run({image}, {scores});
//
// What holds for threads, forks and memory is said in dyadic.h. Only the headers of the host's own compiler are used
// between host and library, so that no two C++ libraries meet.
#ifndef DYADIC_HPP
#define DYADIC_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "dyadic.h"

namespace dyadic {
inline namespace host {

// What any of these functions throws: one sentence, and one of dyadic.h's codes.
class Error : public std::runtime_error {
  public:
    Error(int code, const std::string &sentence) : std::runtime_error(sentence), code_(code) {}
    int code() const { return code_; }

  private:
    int code_;
};

inline void check(const dyadic_error &error) {
    if (error.code)
        throw Error(error.code, error.message);
}

// The code of a C++ type of numbers.
template <class T> constexpr int32_t type_of() {
    static_assert(std::is_arithmetic<T>::value, "buffers hold numbers");
    if (std::is_same<T, bool>::value)
        return DYADIC_BOOL;
    if (std::is_floating_point<T>::value)
        return 30 + sizeof(T);
    return (std::is_signed<T>::value ? 10 : 20) + sizeof(T);
}

// An input's numbers, which belong to the caller.
struct Source {
    const void *data;
    int64_t bytes;
    int32_t type;

    template <class T> Source(const T *data, size_t count)
        : data(data), bytes((int64_t)(count * sizeof(T))), type(type_of<T>()) {}
    template <class T> Source(const std::vector<T> &numbers) : Source(numbers.data(), numbers.size()) {}
};

// Where an output's numbers go, which belongs to the caller; nullptr: they are not wanted.
struct Target {
    void *data = nullptr;
    int64_t bytes = 0;
    int32_t type = 0;

    Target(std::nullptr_t) {}
    template <class T> Target(T *data, size_t count)
        : data(data), bytes((int64_t)(count * sizeof(T))), type(type_of<T>()) {}
    template <class T> Target(std::vector<T> &numbers) : Target(numbers.data(), numbers.size()) {}
};

struct Tensor {
    std::string name, last;
    int32_t type, raw_type;
    std::vector<int64_t> shape, raw_shape; // -1: the batch
    float scale;
    int32_t zero_point, parts, token_axis;
    bool has_limits, last_left_out;
    int64_t low, high, padding;
    std::string type_name() const { return dyadic_type_name(type); }
};

struct LoadOptions {
    int threads = 0;       // 0: as many as have work worth sharing
    int64_t max_batch = 1;
    int flags = 0;         // DYADIC_CODE_ONLY + DYADIC_COPY + DYADIC_COMPLETE
    std::optional<std::string> isa, variant;
};

struct RunSettings {
    int64_t batch = 1, tokens = 0; // tokens 0: as many as the longest program takes
    bool raw = false;
    std::vector<int64_t> scalars;

    dyadic_run_options options() const {
        return {sizeof(dyadic_run_options), batch, tokens, raw ? DYADIC_RAW : 0, (int32_t)scalars.size(),
                scalars.data()};
    }
};

// A loaded model; moved, not copied. All const functions may be called by several threads at the same time.
class Model {
  public:
    explicit Model(const std::string &path, const LoadOptions &options = {}) : model_(nullptr, dyadic_close) {
        const char *isa = options.isa ? options.isa->c_str() : nullptr;
        const char *variant = options.variant ? options.variant->c_str() : nullptr;
        const dyadic_options how = {sizeof how,    options.max_batch, options.threads,
                                    options.flags, isa,               variant};
        dyadic_model *model = nullptr;
        dyadic_error error;
        dyadic_load(path.c_str(), &how, &model, &error);
        check(error);
        model_.reset(model);
        for (int32_t i = 0; i < dyadic_input_count(model); i++)
            inputs_.push_back(described(i, dyadic_input));
        for (int32_t i = 0; i < dyadic_output_count(model); i++)
            outputs_.push_back(described(i, dyadic_output));
    }

    const std::vector<Tensor> &inputs() const { return inputs_; }
    const std::vector<Tensor> &outputs() const { return outputs_; }
    std::string level() const { return dyadic_level(model_.get()); }
    int threads() const { return dyadic_threads(model_.get()); }
    int64_t max_batch() const { return dyadic_max_batch(model_.get()); }
    dyadic_model *get() const { return model_.get(); } // for what is in dyadic.h alone

    int64_t input_bytes(int32_t index, const RunSettings &how = {}) const {
        return bytes(index, how, dyadic_input_bytes);
    }
    int64_t output_bytes(int32_t index, const RunSettings &how = {}) const {
        return bytes(index, how, dyadic_output_bytes);
    }

    // One run; the types of the buffers must be those of the model.
    void run(const std::vector<Source> &inputs, const std::vector<Target> &outputs, const RunSettings &how = {}) const {
        std::vector<dyadic_source> sources;
        std::vector<dyadic_target> targets;
        for (const Source &source : inputs) {
            if (sources.size() < inputs_.size())
                check_type("input", inputs_[sources.size()], source.type, how.raw);
            sources.push_back({source.data, source.bytes});
        }
        for (const Target &target : outputs) {
            if (targets.size() < outputs_.size() && target.data)
                check_type("output", outputs_[targets.size()], target.type, how.raw);
            targets.push_back({target.data, target.bytes});
        }
        const dyadic_run_options options = how.options();
        dyadic_error error;
        dyadic_run(model_.get(), &options, sources.data(), (int32_t)sources.size(), targets.data(),
                   (int32_t)targets.size(), &error);
        check(error);
    }

    void reset() {
        dyadic_error error;
        dyadic_reset(model_.get(), &error);
        check(error);
    }

  private:
    template <class Describe> Tensor described(int32_t index, Describe describe) const {
        dyadic_tensor t = {};
        t.size = sizeof t;
        dyadic_error error;
        describe(model_.get(), index, &t, &error);
        check(error);
        return {t.name,
                t.last,
                t.type,
                t.raw_type,
                {t.shape, t.shape + t.rank},
                {t.raw_shape, t.raw_shape + t.raw_rank},
                t.scale,
                t.zero_point,
                t.parts,
                t.token_axis,
                t.has_limits != 0,
                t.last_left_out != 0,
                t.low,
                t.high,
                t.padding};
    }

    template <class Count> int64_t bytes(int32_t index, const RunSettings &how, Count count) const {
        const dyadic_run_options options = how.options();
        int64_t made = 0;
        dyadic_error error;
        count(model_.get(), index, &options, &made, &error);
        check(error);
        return made;
    }

    static void check_type(const char *kind, const Tensor &known, int32_t type, bool raw) {
        const int32_t wanted = raw ? known.raw_type : known.type;
        const bool truth = wanted == DYADIC_BOOL && type == DYADIC_UINT8; // std::vector<bool> has no memory of its own
        if (type != wanted && !truth)
            throw Error(DYADIC_USAGE, std::string(kind) + " '" + known.name + "' is a buffer of " +
                                          dyadic_type_name(type) + ", expected " + dyadic_type_name(wanted));
    }

    std::unique_ptr<dyadic_model, void (*)(dyadic_model *)> model_;
    std::vector<Tensor> inputs_, outputs_;
};

} // namespace host
} // namespace dyadic

#endif

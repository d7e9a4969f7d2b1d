// The functions of dyadic.h: arguments are looked at, and what is thrown inside becomes a code and a sentence.
#include "dyadic.h"

#include <string.h>

#include <new>

#include "session.h"

#define PUBLIC extern "C" __attribute__((visibility("default")))

using namespace dyadic;

namespace {

void tell(dyadic_error *error, int code, const std::string &sentence) {
    if (!error)
        return;
    std::string shown = printable(sentence);
    if (shown.size() >= sizeof error->message) {
        shown.resize(sizeof error->message - 4);
        while (!shown.empty() && ((unsigned char)shown.back() & 0xc0) == 0x80) // not in the midst of a character
            shown.pop_back();
        if (!shown.empty() && (unsigned char)shown.back() >= 0xc0)
            shown.pop_back();
        shown += "...";
    }
    error->code = code;
    memcpy(error->message, shown.c_str(), shown.size() + 1);
}

template <class Work> int guarded(dyadic_error *error, Work work) noexcept {
    if (error)
        error->code = DYADIC_OK, error->message[0] = 0;
    try {
        try {
            work();
            return DYADIC_OK;
        } catch (const Refused &refusal) {
            tell(error, refusal.code, refusal.sentence);
            return refusal.code;
        } catch (const std::bad_alloc &) {
            tell(error, DYADIC_RESOURCE, "no memory");
            return DYADIC_RESOURCE;
        }
    } catch (...) { // memory for the sentence itself, or a mistake of ours
    }
    if (error)
        error->code = DYADIC_INTERNAL, strcpy(error->message, "a mistake of dyadic's own");
    return DYADIC_INTERNAL;
}

void need(bool given, const char *what) {
    if (!given)
        throw Refused{DYADIC_USAGE, std::string(what) + " is NULL"};
}

// Options as this library knows them: what a newer host says besides must be zero.
template <class Options> Options known(const Options *given, const char *name) {
    Options made;
    memset(&made, 0, sizeof made);
    if (!given)
        return made;
    bool fits = given->size >= (int64_t)sizeof made && given->size <= 4096;
    for (int64_t i = sizeof made; fits && i < given->size; i++)
        fits = reinterpret_cast<const char *>(given)[i] == 0;
    if (!fits)
        throw Refused{DYADIC_USAGE, text("%s: its size is %lld, which this library (of ABI %d) does not know; set it "
                                         "to sizeof(%s) and what is not used to zero", name, (long long)given->size,
                                         DYADIC_ABI, name)};
    memcpy(static_cast<void *>(&made), given, sizeof made);
    return made;
}

// A description to be filled.
template <class Description> void check_description(const Description *given, const char *name) {
    need(given, name);
    if (given->size < (int64_t)sizeof(Description))
        throw Refused{DYADIC_USAGE, text("%s: its size is %lld; set it to sizeof(%s) first", name,
                                         (long long)given->size, name)};
}

template <class List> const typename List::value_type &at(const List &list, int32_t index, const char *what) {
    if (index < 0 || index >= (int64_t)list.size())
        throw Refused{DYADIC_USAGE, text("there is no %s %d: the network has %zu, counted from 0", what, index,
                                         list.size())};
    return list[index];
}

const dyadic_model &checked(const dyadic_model *model) {
    need(model, "model");
    return *model;
}

void describe(const Described &known, dyadic_tensor *t) {
    check_description(t, "dyadic_tensor");
    *t = {t->size,
          known.name.c_str(),
          known.type,
          (int32_t)known.shape.size(),
          known.shape.data(),
          known.raw_type,
          (int32_t)known.raw_shape.size(),
          known.raw_shape.data(),
          (float)known.scale,
          (int32_t)known.zero_point,
          (int32_t)(known.parts.empty() ? 1 : known.parts.size()),
          known.token_axis,
          known.has_limits,
          known.low,
          known.high,
          known.padding,
          known.last.c_str(),
          known.left_out};
}

RunOptions run_options(const dyadic_model &m, const dyadic_run_options *given) {
    const dyadic_run_options how = known(given, "dyadic_run_options");
    RunOptions made;
    made.batch = how.batch ? how.batch : 1;
    if (made.batch < 1 || made.batch > m.max_batch)
        throw Refused{DYADIC_USAGE, text("the batch is %lld, this model takes 1 to %lld; load it with a larger "
                                         "max_batch", (long long)made.batch, (long long)m.max_batch)};
    if (how.tokens && !m.tokens)
        throw Refused{DYADIC_USAGE, text("tokens is %lld, but no input of the network has any", (long long)how.tokens)};
    made.tokens = how.tokens ? how.tokens : m.tokens;
    if (made.tokens < 0 || made.tokens > m.tokens)
        throw Refused{DYADIC_USAGE, text("there are %lld tokens; the network takes 1 to %lld", (long long)made.tokens,
                                         (long long)m.tokens)};
    if (how.flags & ~DYADIC_RAW)
        throw Refused{DYADIC_USAGE, text("flags of a run are 0x%x, of which some are unknown", how.flags)};
    made.raw = how.flags & DYADIC_RAW;
    made.scalars.assign(how.scalars, how.scalars + (how.scalars && how.scalar_count > 0 ? how.scalar_count : 0));
    return made;
}

void check_scalars(const dyadic_model &m, const RunOptions &how) {
    const std::vector<Scalar> &known = m.programs.back()->program.scalars;
    if (how.scalars.size() != known.size())
        throw Refused{DYADIC_USAGE, text("there are %zu scalars, but the network takes %zu", how.scalars.size(),
                                         known.size())};
    for (size_t i = 0; i < known.size(); i++)
        if (how.scalars[i] < known[i].low || how.scalars[i] > known[i].high)
            throw Refused{DYADIC_USAGE, text("scalar '%s' is %lld, but must be from %lld to %lld",
                                             known[i].name.c_str(), (long long)how.scalars[i],
                                             (long long)known[i].low, (long long)known[i].high)};
}

const Port &port_of(const dyadic_model &m, int32_t index, bool is_input) {
    const Loaded &any = *m.programs.back();
    return is_input ? at(any.program.inputs, index, "input") : *at(any.results, index, "output")[0];
}

void check_count(int32_t given, size_t wanted, const char *what) {
    if (given != (int64_t)wanted)
        throw Refused{DYADIC_USAGE, text("there are %d %s, but the network has %zu", given, what, wanted)};
}

void check_bytes(const Port &port, const RunOptions &how, int64_t bytes) {
    const int64_t wanted = user_bytes(port, how);
    if (bytes != wanted)
        throw Refused{DYADIC_USAGE, text("%s '%s' has %lld bytes, expected %lld for a batch of %lld%s",
                                         port.is_input ? "input" : "output", port.name.c_str(), (long long)bytes,
                                         (long long)wanted, (long long)how.batch,
                                         port.tokens ? text(" with %lld tokens", (long long)how.tokens).c_str() : "")};
}

int bytes_of(const dyadic_model *model, int32_t index, bool is_input, const dyadic_run_options *how, int64_t *bytes,
             dyadic_error *error) {
    return guarded(error, [&] {
        need(bytes, "bytes");
        *bytes = 0;
        *bytes = user_bytes(port_of(checked(model), index, is_input), run_options(*model, how));
    });
}

} // namespace

PUBLIC int32_t dyadic_abi() { return DYADIC_ABI; }

PUBLIC int dyadic_load(const char *path, const dyadic_options *options, dyadic_model **model, dyadic_error *error) {
    return guarded(error, [&] {
        need(model, "model");
        *model = nullptr;
        need(path, "path");
        *model = load(path, known(options, "dyadic_options")).release();
    });
}

PUBLIC void dyadic_close(dyadic_model *model) { delete model; }

PUBLIC int32_t dyadic_input_count(const dyadic_model *model) { return model ? (int32_t)model->inputs.size() : 0; }
PUBLIC int32_t dyadic_output_count(const dyadic_model *model) { return model ? (int32_t)model->outputs.size() : 0; }
PUBLIC int32_t dyadic_scalar_count(const dyadic_model *model) {
    return model ? (int32_t)model->programs.back()->program.scalars.size() : 0;
}
PUBLIC const char *dyadic_level(const dyadic_model *model) { return model ? model->level.c_str() : ""; }
PUBLIC int32_t dyadic_threads(const dyadic_model *model) { return model ? model->threads : 0; }
PUBLIC int64_t dyadic_max_batch(const dyadic_model *model) { return model ? model->max_batch : 0; }

PUBLIC int dyadic_input(const dyadic_model *model, int32_t index, dyadic_tensor *tensor, dyadic_error *error) {
    return guarded(error, [&] { describe(at(checked(model).inputs, index, "input"), tensor); });
}

PUBLIC int dyadic_output(const dyadic_model *model, int32_t index, dyadic_tensor *tensor, dyadic_error *error) {
    return guarded(error, [&] { describe(at(checked(model).outputs, index, "output"), tensor); });
}

PUBLIC int dyadic_output_part(const dyadic_model *model, int32_t index, int32_t part, dyadic_part *described,
                              dyadic_error *error) {
    return guarded(error, [&] {
        const Described::Part &one = at(at(checked(model).outputs, index, "output").parts, part, "part");
        check_description(described, "dyadic_part");
        *described = {described->size, one.start.data(),         one.shape.data(), (int32_t)one.shape.size(),
                      (int32_t)one.zero_point, (float)one.scale};
    });
}

PUBLIC int dyadic_scalar_at(const dyadic_model *model, int32_t index, dyadic_scalar *scalar, dyadic_error *error) {
    return guarded(error, [&] {
        const Scalar &one = at(checked(model).programs.back()->program.scalars, index, "scalar");
        check_description(scalar, "dyadic_scalar");
        *scalar = {scalar->size, one.name.c_str(), (int64_t)one.low, (int64_t)one.high};
    });
}

PUBLIC int dyadic_input_bytes(const dyadic_model *model, int32_t index, const dyadic_run_options *how, int64_t *bytes,
                              dyadic_error *error) {
    return bytes_of(model, index, true, how, bytes, error);
}

PUBLIC int dyadic_output_bytes(const dyadic_model *model, int32_t index, const dyadic_run_options *how,
                               int64_t *bytes, dyadic_error *error) {
    return bytes_of(model, index, false, how, bytes, error);
}

PUBLIC int dyadic_run(dyadic_model *model, const dyadic_run_options *options, const dyadic_source *inputs,
                      int32_t input_count, const dyadic_target *outputs, int32_t output_count, dyadic_error *error) {
    return guarded(error, [&] {
        const dyadic_model &m = checked(model);
        const RunOptions how = run_options(m, options);
        check_scalars(m, how);
        check_count(input_count, m.inputs.size(), "inputs");
        check_count(output_count, m.outputs.size(), "outputs");
        need(inputs, "inputs");
        need(outputs, "outputs");
        std::vector<const void *> sources;
        std::vector<void *> targets;
        for (int32_t i = 0; i < input_count; i++) {
            const Port &port = port_of(m, i, true);
            check_bytes(port, how, inputs[i].bytes);
            need(inputs[i].data, ("input '" + port.name + "'").c_str());
            sources.push_back(inputs[i].data);
        }
        for (int32_t i = 0; i < output_count; i++) {
            if (outputs[i].data)
                check_bytes(port_of(m, i, false), how, outputs[i].bytes);
            targets.push_back(outputs[i].data);
        }
        m.program_for(how.tokens).run(how, sources, targets, m.complete);
    });
}

PUBLIC int dyadic_reset(dyadic_model *model, dyadic_error *error) {
    return guarded(error, [&] {
        for (const auto &program : checked(model).programs)
            program->reset();
    });
}

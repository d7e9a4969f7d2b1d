// From a file to a model: which programs, which level, how many threads; then they are mapped.
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "artifact.h"
#include "levels.h"
#include "session.h"

namespace dyadic {
namespace {

const int MAX_THREADS = 1024;
const int64_t MAX_BATCH = 1 << 20, MACS_A_THREAD = 50000000, SPIN_US = 200;

int processors() {
    // As large as the machine needs, which a fixed cpu_set_t may not be.
    for (int count = 1024; count <= 1 << 18; count *= 2) {
        cpu_set_t *set = CPU_ALLOC(count);
        if (!set)
            break;
        const size_t bytes = CPU_ALLOC_SIZE(count);
        const bool known = sched_getaffinity(0, bytes, set) == 0;
        const int found = known ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (known)
            return found;
        if (errno != EINVAL)
            break;
    }
    return 1;
}

// As many threads as have work worth sharing.
int default_threads(const CpuProgram &program) {
    Wide work = 0;
    for (const ProgramStep &step : program.steps)
        work += step.macs;
    return (int)std::max<Wide>(1, std::min<Wide>({processors(), work / MACS_A_THREAD, MAX_THREADS}));
}

int64_t spin_ns(int threads) {
    const char *environment = getenv("DYADIC_SPIN_US");
    if (!environment)
        return threads <= processors() ? SPIN_US * 1000 : 0;
    char *end = nullptr;
    errno = 0;
    const long us = strtol(environment, &end, 10);
    if (!*environment || strspn(environment, "0123456789") != strlen(environment) || errno || us > 1000000)
        throw Refused{DYADIC_USAGE, std::string("the environment variable DYADIC_SPIN_US must be 0 to 1000000 "
                                                "microseconds, not '") + environment + "'"};
    return us * 1000;
}

// The program of that variant; or the first, with those that are the same for fewer tokens.
std::vector<const CpuProgram *> chosen(const Artifact &artifact, const char *variant) {
    std::vector<const CpuProgram *> made;
    if (artifact.programs().empty())
        throw Refused{DYADIC_USAGE, "'" + artifact.path() + "' has no program for 'cpu', it has one for " +
                                        listed(artifact.targets()) + ", which runs from Python alone; compile the "
                                        "model with --target cpu"};
    if (!variant) {
        const CpuProgram &first = artifact.programs()[0];
        made.push_back(&first);
        for (const CpuProgram &other : artifact.programs())
            if (&other != &first && first.length() && other.length())
                made.push_back(&other);
        return made;
    }
    std::vector<std::string> known;
    for (const CpuProgram &program : artifact.programs()) {
        if (program.variant == variant)
            return {&program};
        known.push_back(program.variant);
    }
    throw Refused{DYADIC_USAGE, "'" + artifact.path() + "' has no variant '" + variant + "'; it has " + listed(known)};
}

dyadic_program *mapped(const Artifact &artifact, const CpuProgram &program, const std::string &level, bool copy) {
    const auto &sections = artifact.sections();
    const Section &image = sections.at(program.image(level));
    const std::vector<int64_t> words =
        packed(program, level, artifact.bytes(), image.offset, image.length, sections.at(program.weights).offset,
               sections.at(program.params).offset);
    char message[512] = "";
    dyadic_program *made = nullptr;
    if (const int code = dyadic_program_open(artifact.file(), words.data(), (int64_t)words.size(), copy, &made,
                                             message, sizeof message))
        throw Refused{code, message};
    return made;
}

std::string level_for(const CpuProgram &program, const char *isa) {
    std::vector<std::string> present;
    for (const auto &level : program.entries)
        present.push_back(level.first);
    return choose_level(present, isa);
}

} // namespace

std::unique_ptr<dyadic_model> load(const char *path, const dyadic_options &options) {
    if (!path || !*path)
        throw Refused{DYADIC_USAGE, "path is empty; give the name of an artifact"};
    if (options.threads < 0 || options.threads > MAX_THREADS)
        throw Refused{DYADIC_USAGE, text("threads must be a whole number from 1 to %d, not %d", MAX_THREADS,
                                         options.threads)};
    if (options.max_batch < 0 || options.max_batch > MAX_BATCH)
        throw Refused{DYADIC_USAGE, text("max_batch must be a whole number from 1 to %lld, not %lld",
                                         (long long)MAX_BATCH, (long long)options.max_batch)};
    if (options.flags & ~(DYADIC_CODE_ONLY | DYADIC_COPY | DYADIC_COMPLETE))
        throw Refused{DYADIC_USAGE, text("flags of dyadic_load are 0x%x, of which some are unknown", options.flags)};
    const bool copy = options.flags & DYADIC_COPY;
    const Artifact artifact(path, options.flags & DYADIC_CODE_ONLY, copy);
    std::vector<const CpuProgram *> programs = chosen(artifact, options.variant);
    const CpuProgram &first = *programs[0];
    auto model = std::make_unique<dyadic_model>();
    model->threads = options.threads ? options.threads : default_threads(first);
    model->max_batch = options.max_batch ? options.max_batch : 1;
    model->complete = options.flags & DYADIC_COMPLETE;
    for (const Port &input : first.inputs)
        model->inputs.push_back(described_input(input));
    for (const auto &parts : first.results())
        model->outputs.push_back(described_output(parts, model->complete));
    model->tokens = first.length();
    const auto shorter = [](const CpuProgram *a, const CpuProgram *b) { return a->length() < b->length(); };
    std::stable_sort(programs.begin(), programs.end(), shorter);
    const int64_t spin = spin_ns(model->threads);
    for (const CpuProgram *program : programs) {
        check_alike(first, *program);
        model->level = level_for(*program, options.isa);
        dyadic_program *const native = mapped(artifact, *program, model->level, copy);
        model->programs.push_back(
            std::make_unique<Loaded>(*program, native, model->threads, model->max_batch, spin));
    }
    return model;
}

} // namespace dyadic

dyadic::Loaded &dyadic_model::program_for(int64_t tokens) const {
    for (const auto &one : programs)
        if (one->program.length() >= tokens)
            return *one;
    return *programs.back();
}

// Levels, best first, and what of them this machine has.
#include "levels.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "packed.h"
#include "refused.h"

namespace dyadic {
namespace {

struct Level {
    const char *name, *needs;
};

#define V3 "sse3 ssse3 sse4.1 sse4.2 popcnt movbe lzcnt bmi bmi2 avx avx2 f16c fma"
#define V4 V3 " avx512f avx512bw avx512cd avx512dq avx512vl avx512vnni"

const Level LEVELS[] = {{"amx", V4 " amx-tile amx-int8"},
                        {"avx512vnni", V4},
                        {"avxvnni", V3 " avxvnni"},
                        {"avx2", V3},
                        {"x86-64", "sse2"}};

std::vector<std::string> words(const char *text) {
    std::vector<std::string> made;
    for (const char *at = text; *at;) {
        const size_t length = strcspn(at, " ");
        made.emplace_back(at, length);
        at += length + (at[length] != 0);
    }
    return made;
}

bool has(const std::vector<std::string> &all, const std::string &one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

std::vector<std::string> missing(const Level &level) {
    const std::vector<std::string> features = words(dyadic_cpu_features());
    std::vector<std::string> lacking;
    for (const std::string &need : words(level.needs))
        if (!has(features, need))
            lacking.push_back(need);
    std::sort(lacking.begin(), lacking.end());
    return lacking;
}

// Linux must be asked for AMX, once a process, and may refuse: its errno, or 0.
int refusal(const Level &level) { return strcmp(level.name, "amx") == 0 ? dyadic_request_amx() : 0; }

std::string names(bool (*wanted)(const Level &)) {
    std::vector<std::string> made;
    for (const Level &level : LEVELS)
        if (wanted(level))
            made.emplace_back(level.name);
    return listed(made, "");
}

bool runs(const Level &level) { return missing(level).empty() && !refusal(level); }

std::string forced(const std::vector<std::string> &present, const std::string &isa, const std::string &source) {
    const Level *level = nullptr;
    for (const Level &one : LEVELS)
        if (isa == one.name)
            level = &one;
    if (!level)
        throw Refused{DYADIC_USAGE, source + " asks for '" + isa + "', which is no instruction set level; there are " +
                                        names([](const Level &) { return true; })};
    if (!has(present, isa))
        throw Refused{DYADIC_USAGE, source + " asks for '" + isa + "', but the artifact holds code for " +
                                        listed(present, "") + " only"};
    if (!missing(*level).empty())
        throw Refused{DYADIC_MACHINE, source + " asks for '" + isa + "', but this processor or its operating system " +
                                          "lacks " + listed(missing(*level), "") + "; it can run " + names(runs)};
    if (const int failure = refusal(*level))
        throw Refused{DYADIC_MACHINE,
                      std::string("the operating system refuses the AMX tile registers: ") + strerror(failure)};
    return isa;
}

} // namespace

std::string choose_level(const std::vector<std::string> &present, const char *isa) {
    if (isa)
        return forced(present, isa, "isa");
    const char *environment = getenv("DYADIC_ISA");
    if (environment && *environment)
        return forced(present, environment, "the environment variable DYADIC_ISA");
    for (const Level &level : LEVELS)
        if (has(present, level.name) && runs(level))
            return level.name;
    throw Refused{DYADIC_MACHINE, "this machine cannot run the artifact, which holds code for " + listed(present, "") +
                                      " only; compile it again with --isa x86-64 or on this machine"};
}

} // namespace dyadic

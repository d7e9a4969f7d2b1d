// Instruction set levels: what each needs, and which of an artifact's is run here. runtime/cpu/levels.py in C++.
#ifndef DYADIC_LEVELS_H
#define DYADIC_LEVELS_H

#include <string>
#include <vector>

namespace dyadic {

// The level to run of those that an artifact holds code for: the forced one (or that of DYADIC_ISA), or the best that
// this machine has. Refuses with DYADIC_USAGE or DYADIC_MACHINE.
std::string choose_level(const std::vector<std::string> &present, const char *isa);

} // namespace dyadic

#endif

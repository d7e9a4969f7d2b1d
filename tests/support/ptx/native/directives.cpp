// What stands beside the instructions: the architecture that the text is for, and what is said of a kernel.
#include <ctype.h>
#include <stdlib.h>

#include <algorithm>

#include "parse.h"

namespace ptx {

void Parser::target_directive() { // .target sm_90a
    const size_t digits = text.find_first_of("0123456789\n", at);
    architecture = static_cast<u32>(strtoul(text.c_str() + std::min(digits, text.size()), nullptr, 10));
}

void Parser::need_architecture(u32 least, const std::string &what) const {
    if (architecture < least)
        refuse(format("not before sm_%u: ", least) + what);
}

void Parser::directives() {
    const std::string all = until('{');
    const auto words = split(all, " ,");
    for (size_t n = 0; n < words.size(); n++)
        if (words[n] == ".reqnctapercluster") {
            need_architecture(90, words[n]);
            for (u32 k = 0; k < 3 && n + 1 < words.size() && isdigit(static_cast<u8>(words[n + 1][0])); k++)
                current->cluster[k] = static_cast<u32>(atoi(words[++n].c_str()));
            const u64 blocks = u64{current->cluster[0]} * current->cluster[1] * current->cluster[2];
            if (blocks == 0 || blocks > 8) // what every GPU has that has them
                refuse("clusters of another size: " + all);
        } else if (words[n] == ".maxntid" || words[n] == ".reqntid") {
            u32 threads = 1;
            for (; n + 1 < words.size() && isdigit(static_cast<u8>(words[n + 1][0])); n++)
                threads *= static_cast<u32>(atoi(words[n + 1].c_str()));
            current->most_threads = threads;
        }
}

} // namespace ptx

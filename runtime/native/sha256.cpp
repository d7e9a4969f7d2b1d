// SHA-256 by 7-Zip's code.
#include <pthread.h>

#include "artifact.h"
#include "third_party/7zip/Sha256.h"

namespace dyadic {

std::string sha256(const uint8_t *data, int64_t bytes) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, [] { Sha256Prepare(); }); // looks whether the processor has instructions for it
    CSha256 state;
    Sha256_Init(&state);
    Sha256_Update(&state, data, (size_t)bytes);
    uint8_t digest[SHA256_DIGEST_SIZE];
    Sha256_Final(&state, digest);
    std::string digits;
    for (const uint8_t byte : digest) {
        digits += "0123456789abcdef"[byte >> 4];
        digits += "0123456789abcdef"[byte & 15];
    }
    return digits;
}

} // namespace dyadic

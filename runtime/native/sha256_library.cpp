// 7-Zip's SHA-256, which uses the processor's own instructions for it where there are any, as a part of this library.
#include "third_party/7zip/Sha256.c"
#include "third_party/7zip/Sha256Opt.c"
#include "third_party/7zip/CpuArch.c"

// What every entry point of the driver API begins with.
#pragma once
#include "driver.h"

// Every entry point takes the lock, and fails where PTX_EXECUTOR_FAIL says so.
#define ENTER                                                                                                          \
    Driver &d = driver();                                                                                              \
    const std::lock_guard<std::recursive_mutex> guard(d.lock);                                                         \
    if (const CUresult injected = d.injected(__func__))                                                                \
        return injected;
#define ENTER_INITIALIZED                                                                                              \
    ENTER                                                                                                              \
    if (!d.initialized)                                                                                                \
        return CUDA_ERROR_NOT_INITIALIZED;                                                                             \
    if (d.sticky)                                                                                                      \
        return d.sticky;
#define ENTER_CURRENT /* a thread has to say which device it means */                                                  \
    ENTER_INITIALIZED                                                                                                  \
    if (contexts().empty() || contexts().back() == nullptr)                                                            \
        return refuse(d, CUDA_ERROR_INVALID_CONTEXT, "no context is current in this thread");                          \
    if (d.retained[device_of(contexts().back())] <= 0)                                                                 \
        return refuse(d, CUDA_ERROR_INVALID_CONTEXT, "the context that is current was released");
#define EXPORT extern "C" __attribute__((visibility("default")))

namespace ptx {

inline CUresult refuse(Driver &d, CUresult result, const std::string &why) {
    d.said = why;
    return result;
}

} // namespace ptx

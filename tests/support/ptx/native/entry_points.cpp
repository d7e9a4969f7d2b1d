// libcuda.so.1 for machines without a GPU: the driver API that a runtime needs, over the executor.
//
// It is stricter than a driver where a driver is lucky. Streams are lazy: work is done when somebody waits for it, so
// that host code that does not wait reads old bytes. A launch with more shared memory than was asked for is refused. A
// kernel's fault is sticky: the wait fails, and so does every call after it, until the process ends (or
// `executor_reset`).
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"

using namespace ptx;

namespace {

// The newest PTX that a driver of this version takes ("PTX ISA", release notes): 10 * major + minor.
int newest_ptx(int driver_version) {
    const int major = driver_version / 1000, minor = driver_version % 1000 / 10;
    return major >= 13 ? 90 + minor : major == 12 ? (minor > 5 ? 79 : 80) + minor : 70 + minor;
}

CUresult load(Driver &d, CUmodule *module, const void *image) {
    const char *text = static_cast<const char *>(image);
    if (!memcmp(text, "\177ELF", 4))
        return refuse(d, CUDA_ERROR_NO_BINARY_FOR_GPU, "the executor runs PTX, no cubins");
    const char *target = strstr(text, ".target sm_"), *version = strstr(text, ".version ");
    if (target == nullptr || version == nullptr)
        return refuse(d, CUDA_ERROR_INVALID_IMAGE, "neither a cubin nor PTX");
    const Device device = Device::now();
    char *suffix;
    const long wanted = strtol(target + strlen(".target sm_"), &suffix, 10);
    if (wanted > device.architecture || (isalpha(static_cast<u8>(*suffix)) && wanted != device.architecture))
        return refuse(d, CUDA_ERROR_INVALID_PTX,
                      format("PTX for sm_%ld on a device of sm_%d", wanted, device.architecture));
    int major = 0, minor = 0;
    if (sscanf(version, ".version %d.%d", &major, &minor) != 2)
        return CUDA_ERROR_INVALID_PTX;
    if (10 * major + minor > newest_ptx(device.driver_version))
        return refuse(d, CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
                      format("PTX %d.%d with a driver of CUDA %d.%d", major, minor, device.driver_version / 1000,
                             device.driver_version % 1000 / 10));
    try {
        auto loaded = std::make_unique<Loaded>();
        loaded->module = parse(text, d.memory);
        *module = reinterpret_cast<CUmodule>(loaded.release());
        d.live++;
        return CUDA_SUCCESS;
    } catch (const Refused &refused) {
        return refuse(d, CUDA_ERROR_INVALID_PTX, refused.what());
    }
}

const char *name_of(CUresult result) {
    switch (result) {
#define NAME(code)                                                                                                     \
    case code:                                                                                                         \
        return #code;
        NAME(CUDA_SUCCESS)
        NAME(CUDA_ERROR_INVALID_VALUE)
        NAME(CUDA_ERROR_OUT_OF_MEMORY)
        NAME(CUDA_ERROR_NOT_INITIALIZED)
        NAME(CUDA_ERROR_NO_DEVICE)
        NAME(CUDA_ERROR_INVALID_DEVICE)
        NAME(CUDA_ERROR_INVALID_IMAGE)
        NAME(CUDA_ERROR_INVALID_CONTEXT)
        NAME(CUDA_ERROR_NO_BINARY_FOR_GPU)
        NAME(CUDA_ERROR_INVALID_PTX)
        NAME(CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
        NAME(CUDA_ERROR_INVALID_HANDLE)
        NAME(CUDA_ERROR_ILLEGAL_STATE)
        NAME(CUDA_ERROR_NOT_FOUND)
        NAME(CUDA_ERROR_NOT_READY)
        NAME(CUDA_ERROR_ILLEGAL_ADDRESS)
        NAME(CUDA_ERROR_MISALIGNED_ADDRESS)
        NAME(CUDA_ERROR_LAUNCH_FAILED)
        NAME(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)
#undef NAME
    default:
        return nullptr;
    }
}

} // namespace

// --- what tests use beyond the driver API

EXPORT const char *executor_said() { return driver().said.c_str(); }

EXPORT const char *executor_log() { // a line of JSON for each launch since the last call
    static std::string handed_out;
    handed_out.swap(driver().log);
    driver().log.clear();
    return handed_out.c_str();
}

EXPORT void executor_reset() { // as if the process had started anew; allocations stay
    Driver &d = driver();
    d.sticky = CUDA_SUCCESS;
    d.initialized = false;
    d.said.clear();
    d.log.clear();
    d.calls.clear();
    d.operands.clear();
    d.launches = 0;
    d.retained.clear();
    d.default_stream = {};
}

EXPORT int executor_live() { // what is not destroyed, and page-locked memory that is not freed
    return driver().live + static_cast<int>(driver().pinned.size());
}

// All that the next launch may touch: `count` times base, bytes, whether it may write. Graphs keep it with the launch.
EXPORT void executor_operands(int count, const u64 *triples) {
    driver().operands.clear();
    for (int n = 0; n < count; n++)
        driver().operands.push_back({triples[3 * n], triples[3 * n + 1], triples[3 * n + 2] != 0});
}

// --- devices

EXPORT CUresult cuInit(unsigned) {
    ENTER
    if (Device::now().count == 0)
        return CUDA_ERROR_NO_DEVICE;
    d.initialized = true;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDriverGetVersion(int *version) {
    ENTER
    *version = Device::now().driver_version;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetCount(int *count) {
    ENTER_INITIALIZED
    *count = Device::now().count;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    ENTER_INITIALIZED
    if (ordinal < 0 || ordinal >= Device::now().count)
        return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetName(char *name, int length, CUdevice) {
    ENTER_INITIALIZED
    const char *told = getenv("PTX_EXECUTOR_NAME");
    if (told)
        snprintf(name, static_cast<size_t>(length), "%s", told);
    else
        snprintf(name, static_cast<size_t>(length), "PTX executor as sm_%d", Device::now().architecture);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice) {
    ENTER_INITIALIZED
    *bytes = Device::now().memory;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
    ENTER_INITIALIZED
    const Device device = Device::now();
    switch (attribute) {
    case MAX_THREADS_PER_BLOCK:
        *value = 1024;
        return CUDA_SUCCESS;
    case MAX_SHARED_MEMORY_PER_BLOCK:
        *value = 48 << 10;
        return CUDA_SUCCESS;
    case WARP_SIZE:
        *value = 32;
        return CUDA_SUCCESS;
    case MULTIPROCESSOR_COUNT: // an H200's
        *value = 132;
        return CUDA_SUCCESS;
    case COMPUTE_CAPABILITY_MAJOR:
        *value = device.architecture / 10;
        return CUDA_SUCCESS;
    case COMPUTE_CAPABILITY_MINOR:
        *value = device.architecture % 10;
        return CUDA_SUCCESS;
    case MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
        *value = device.most_shared_bytes();
        return CUDA_SUCCESS;
    default:
        return refuse(d, CUDA_ERROR_INVALID_VALUE, format("device attribute %d is not played here", attribute));
    }
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    ENTER_INITIALIZED
    *context = context_of(device);
    d.retained[device]++;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    ENTER
    return d.retained[device]-- > 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
    ENTER_INITIALIZED
    if (contexts().empty())
        contexts().push_back(context);
    contexts().back() = context;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context) {
    ENTER_INITIALIZED
    contexts().push_back(context);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *context) {
    ENTER
    if (contexts().empty())
        return CUDA_ERROR_INVALID_CONTEXT;
    *context = contexts().back();
    contexts().pop_back();
    return CUDA_SUCCESS;
}

EXPORT CUresult cuGetErrorName(CUresult result, const char **name) {
    *name = name_of(result);
    return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORT CUresult cuGetErrorString(CUresult result, const char **text) {
    if (driver().said.empty())
        return cuGetErrorName(result, text);
    *text = driver().said.c_str();
    return CUDA_SUCCESS;
}

// --- modules and launches

EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    ENTER_CURRENT
    return load(d, module, image);
}

EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned, int *, void **) {
    ENTER_CURRENT
    return load(d, module, image);
}

EXPORT CUresult cuModuleUnload(CUmodule module) {
    ENTER
    auto *loaded = reinterpret_cast<Loaded *>(module);
    for (const auto &[name, address] : loaded->module->globals)
        d.memory.release(address);
    delete loaded;
    d.live--;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    ENTER_INITIALIZED
    auto *loaded = reinterpret_cast<Loaded *>(module);
    const auto found = loaded->module->kernels.find(name);
    if (found == loaded->module->kernels.end())
        return refuse(d, CUDA_ERROR_NOT_FOUND, std::string("the module has no kernel ") + name);
    loaded->functions.push_back({found->second.get()});
    *function = reinterpret_cast<CUfunction>(&loaded->functions.back());
    return CUDA_SUCCESS;
}

EXPORT CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
    ENTER_INITIALIZED
    if (attribute != MAX_DYNAMIC_SHARED_SIZE_BYTES || value > Device::now().most_shared_bytes())
        return CUDA_ERROR_INVALID_VALUE;
    reinterpret_cast<Function *>(function)->most_dynamic_bytes = value;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                               unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream,
                               void **arguments, void **) {
    ENTER_CURRENT
    const auto &f = *reinterpret_cast<Function *>(function);
    const u64 threads = u64{block_x} * block_y * block_z;
    const bool is_grid = grid_x && grid_y && grid_z && grid_x <= INT32_MAX && grid_y <= 65535 && grid_z <= 65535;
    if (!is_grid || threads == 0 || threads > 1024)
        return refuse(d, CUDA_ERROR_INVALID_VALUE,
                      format("a grid of %u x %u x %u blocks of %llu threads", grid_x, grid_y, grid_z,
                             static_cast<unsigned long long>(threads)));
    if (static_cast<int>(shared_bytes) > f.most_dynamic_bytes)
        return refuse(d, CUDA_ERROR_INVALID_VALUE,
                      format("%u bytes of shared memory, where %d were asked for", shared_bytes, f.most_dynamic_bytes));
    Launch launch;
    launch.grid[0] = grid_x, launch.grid[1] = grid_y, launch.grid[2] = grid_z;
    launch.block[0] = block_x, launch.block[1] = block_y, launch.block[2] = block_z;
    launch.shared_bytes = shared_bytes;
    launch.arguments.resize(f.kernel->argument_bytes);
    for (size_t n = 0; n < f.kernel->parameters.size(); n++)
        memcpy(launch.arguments.data() + f.kernel->parameters[n].offset, arguments[n], f.kernel->parameters[n].bytes);
    std::vector<Range> allowed;
    allowed.swap(d.operands);
    const Kernel *kernel = f.kernel;
    return d.put(stream, [=] { driver().execute(*kernel, launch, allowed); });
}

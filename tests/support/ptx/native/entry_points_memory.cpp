// The rest of the driver API: memory, streams, graphs and events. See entry_points.cpp.
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "entry.h"

using namespace ptx;

// --- memory

EXPORT CUresult cuMemGetInfo_v2(size_t *unused, size_t *total) {
    ENTER_CURRENT
    *total = Device::now().memory;
    *unused = *total - std::min<size_t>(*total, d.used);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
    ENTER_CURRENT
    if (bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    u8 *place = d.used + bytes > Device::now().memory ? nullptr : d.memory.allocate(bytes);
    if (place == nullptr)
        return CUDA_ERROR_OUT_OF_MEMORY;
    d.used += bytes;
    d.homes[reinterpret_cast<u64>(place)] = device_of(contexts().back());
    *pointer = reinterpret_cast<CUdeviceptr>(place);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
    ENTER
    if (pointer == 0)
        return CUDA_SUCCESS;
    d.drain(d.default_stream);
    const u64 bytes = d.memory.release(pointer);
    d.homes.erase(pointer);
    d.used -= bytes;
    return bytes ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORT CUresult cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
    ENTER_CURRENT
    *pointer = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (*pointer == nullptr)
        return CUDA_ERROR_OUT_OF_MEMORY;
    d.pinned[reinterpret_cast<u64>(*pointer)] = bytes;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemFreeHost(void *pointer) {
    ENTER
    if (!d.pinned.erase(reinterpret_cast<u64>(pointer)))
        return CUDA_ERROR_INVALID_VALUE;
    free(pointer);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    ENTER_CURRENT
    if (!d.memory.holder(to, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    if (d.is_pinned(from, bytes))
        return d.put(stream, [=] { memcpy(reinterpret_cast<void *>(to), from, bytes); });
    const u8 *source = static_cast<const u8 *>(from);
    const std::vector<u8> copy(source, source + bytes); // pageable memory is read at once
    return d.put(stream, [=] { memcpy(reinterpret_cast<void *>(to), copy.data(), bytes); });
}

EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    ENTER_CURRENT
    if (!d.memory.holder(from, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    return d.put(stream, [=] { memcpy(to, reinterpret_cast<const void *>(from), bytes); });
}

EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    ENTER_CURRENT
    if (!d.memory.holder(from, bytes) || !d.memory.holder(to, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    return d.put(stream, [=] { memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes); });
}

EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
    ENTER_CURRENT
    if (!d.memory.holder(to, bytes))
        return CUDA_ERROR_INVALID_VALUE;
    return d.put(stream, [=] { memset(reinterpret_cast<void *>(to), value, bytes); });
}

EXPORT CUresult cuPointerGetAttribute(void *value, int attribute, CUdeviceptr pointer) {
    ENTER_INITIALIZED
    if (attribute != DEVICE_ORDINAL)
        return refuse(d, CUDA_ERROR_INVALID_VALUE, format("pointer attribute %d is not played here", attribute));
    auto home = d.homes.upper_bound(pointer);
    if (!d.memory.holder(pointer, 1) || home == d.homes.begin())
        return refuse(d, CUDA_ERROR_INVALID_VALUE, "no memory of a device");
    *static_cast<int *>(value) = (--home)->second;
    return CUDA_SUCCESS;
}

// --- streams, graphs, events

EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned) {
    ENTER_CURRENT
    *stream = reinterpret_cast<CUstream>(new Stream);
    d.live++;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
    ENTER
    d.drain(d.stream(stream));
    delete reinterpret_cast<Stream *>(stream);
    d.live--;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamSynchronize(CUstream stream) {
    ENTER_INITIALIZED
    if (d.stream(stream).capturing)
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    return d.drain(d.stream(stream));
}

EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int) {
    ENTER_INITIALIZED
    Stream &s = d.stream(stream);
    if (stream == nullptr || s.capturing)
        return stream == nullptr ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_ERROR_ILLEGAL_STATE;
    s.capturing = true;
    s.captured.clear();
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
    ENTER_INITIALIZED
    Stream &s = d.stream(stream);
    if (!s.capturing)
        return CUDA_ERROR_ILLEGAL_STATE;
    s.capturing = false;
    *graph = reinterpret_cast<CUgraph>(new std::vector<Work>(std::move(s.captured)));
    d.live++;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph, unsigned long long) {
    ENTER_CURRENT
    *executable = reinterpret_cast<CUgraphExec>(new std::vector<Work>(*reinterpret_cast<std::vector<Work> *>(graph)));
    d.live++;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
    ENTER_INITIALIZED
    for (const Work &work : *reinterpret_cast<std::vector<Work> *>(executable))
        if (const CUresult result = d.put(stream, work))
            return result;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuGraphDestroy(CUgraph graph) {
    ENTER
    delete reinterpret_cast<std::vector<Work> *>(graph);
    d.live--;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuGraphExecDestroy(CUgraphExec executable) {
    ENTER
    delete reinterpret_cast<std::vector<Work> *>(executable);
    d.live--;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventCreate(CUevent *event, unsigned) {
    ENTER_CURRENT
    *event = reinterpret_cast<CUevent>(new Event);
    d.live++;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventDestroy_v2(CUevent event) {
    ENTER
    delete reinterpret_cast<Event *>(event);
    d.live--;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
    ENTER_INITIALIZED
    const auto reached = reinterpret_cast<Event *>(event)->last = std::make_shared<Reached>();
    reached->stream = &d.stream(stream);
    if (reached->stream->capturing) // an edge of the graph, which nobody ever reaches
        return CUDA_SUCCESS;
    return d.put(stream, [=] { reached->ms = driver().clock_ms; });
}

EXPORT CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
    ENTER_INITIALIZED
    if (flags != EVENT_RECORD_EXTERNAL || !d.stream(stream).capturing)
        return refuse(d, CUDA_ERROR_INVALID_VALUE, "an event is made a node where a graph is captured, not elsewhere");
    const auto reached = reinterpret_cast<Event *>(event)->last = std::make_shared<Reached>();
    reached->stream = &d.stream(stream);
    return d.put(stream, [=] { reached->ms = driver().clock_ms; }); // at every launch of the graph
}

EXPORT CUresult cuEventSynchronize(CUevent event) {
    ENTER_INITIALIZED
    const Reached &reached = *reinterpret_cast<Event *>(event)->last;
    return reached.stream && reached.ms < 0 ? d.drain(*reached.stream) : CUDA_SUCCESS;
}

EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
    ENTER_INITIALIZED
    const auto reached = reinterpret_cast<Event *>(event)->last;
    if (reached->stream == nullptr || reached->stream == &d.stream(stream))
        return CUDA_SUCCESS;
    return d.put(stream, [=] {
        if (reached->ms < 0)
            driver().drain(*reached->stream);
    });
}

EXPORT CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to) {
    ENTER_INITIALIZED
    const double start = reinterpret_cast<Event *>(from)->last->ms, end = reinterpret_cast<Event *>(to)->last->ms;
    if (start < 0 || end < 0)
        return CUDA_ERROR_NOT_READY;
    *ms = static_cast<float>(end - start);
    return CUDA_SUCCESS;
}

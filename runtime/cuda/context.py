"""What one run at a time needs on a device: an arena for each image, a stream, places for the user's arrays, graphs.

A run is: the user's arrays into page-locked memory, from there to the device, across the boundary into the arenas;
the steps; and back. All of it that the device does is one CUDA graph for every size of a batch, made at its first use.
Where a user's array is in the device's memory already, kernels read or write it there, and a graph has the steps alone.
A timed run is such a graph, too, with an event between any two launches.
"""

import contextlib
import ctypes
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from dyadic.runtime.cuda.driver import A_NODE, NO_TIMING, NON_BLOCKING, RELAXED
from dyadic.runtime.cuda.launch import Launch, Place
from dyadic.runtime.cuda.model import Model
from dyadic.runtime.cuda.program import Step
from dyadic.runtime.cuda.staging import Staging, images
from dyadic.runtime.device_array import DeviceArray, Given
from dyadic.runtime.errors import DyadicError
from dyadic.runtime.program import SLACK, Input, Output

MOST_GRAPHS = 32  # of a context; the one that was used least lately goes
Arrays = Sequence[DeviceArray | None]  # None: staged


class Context:
    """Made, used and closed while the model's device is current; one run at a time.

    `hosted` has the tensors whose arrays have been on the host so far, in this context or another that shares it: a new
    one has memory for them when it is made."""

    def __init__(self, model: Model, max_batch: int, hosted: dict[str, Input | Output]) -> None:
        self.hosted = hosted
        self.model, self.device, self.driver, self.max_batch = model, model.device, model.device.driver, max_batch
        program = model.program
        self.tensors = (*program.inputs, *program.outputs)
        self.names = [f"{type(tensor).__name__} {tensor.name}" for tensor in self.tensors]  # parts share an array
        self.places = [t.place if isinstance(t, Output) and t.whole else () for t in self.tensors]
        self.staged: dict[str, Staging] = {}
        self.crossings: dict[tuple[int, bool], Launch] = {}
        self.graphs: OrderedDict[tuple[int, str], int] = OrderedDict()
        self.events: list[int] = []
        self.arena = self.stream = self.arrived = 0
        try:
            size = program.arena_bytes * max_batch + SLACK
            self.arena = self.device.allocate(size, f"{images(max_batch)} of the network")
            self.stream = self.driver.made("cuStreamCreate", NON_BLOCKING)
            self.arrived = self.driver.made("cuEventCreate", NO_TIMING)
            for step in model.setup:
                self._launch(step).put(self.stream, max_batch)
            self.launches = [self._launch(step) for step in model.steps]
            for number, name in enumerate(self.names):
                if name in hosted:
                    self._staging(number)
            self.wait()
        except BaseException:
            self.close()
            raise

    # --- launches

    def _launch(self, step: Step) -> Launch:
        model, image = self.model, self.model.program.arena_bytes
        out, *inputs = (
            Place(self._in_arena(at.buffer, at.offset), image)
            if at.buffer >= 0
            else Place(model.constant(at.offset), 0)
            for at in (step.out, *step.inputs)
        )
        numbers = model.constant(step.weights), model.constant(step.params)
        return Launch(self.driver, model.functions[step.kernel], step, out, inputs, *numbers)

    def _in_arena(self, buffer: int, offset: int) -> int:
        return self.arena + self.model.program.buffers[buffer].offset + offset

    def _crossing(self, number: int, raw: bool, array: DeviceArray | None) -> Launch:
        """Between the arena and a user's array, or what is staged of it."""
        kept = self.crossings.get((number, raw)) if array is None else None
        if kept is not None:
            return kept
        program, tensor = self.model.program, self.tensors[number]
        inside = Place(self._in_arena(tensor.layout.buffer, tensor.layout.offset), program.arena_bytes)
        if array is None:
            staging = self._staging(number)
            outside = Place(staging.device + staging.start_of(tensor, raw=raw), staging.image_bytes(raw=raw))
        else:
            outside = Place(array.address, math.prod(array.shape[1:]) * array.dtype.itemsize)
        out, source = (inside, outside) if isinstance(tensor, Input) else (outside, inside)
        crossing = program.boundary[number]
        function = self.model.functions[crossing.raw_kernel if raw else crossing.kernel]
        launch = Launch(self.driver, function, crossing, out, [source], 0, self.model.constant(crossing.params))
        if array is None:
            self.crossings[number, raw] = launch
        return launch

    def _staging(self, number: int) -> Staging:
        name = self.names[number]
        found = self.staged.get(name)
        if found is None:
            found = self.staged[name] = Staging(self.device, self.tensors[number], self.max_batch)
            self.hosted[name] = self.tensors[number]
        return found

    # --- a run

    def run(
        self, inputs: Sequence[Given], outputs: Sequence[Given], batch: int, *, raw: bool, timed: bool
    ) -> list[int]:
        """As `Executor.run`."""
        self._stage(inputs, outputs, batch, raw)
        sources = [array if isinstance(array, DeviceArray) else None for array in inputs]
        targets = [array if isinstance(array, DeviceArray) else None for array in outputs]
        onboard = any(sources) or any(targets)
        if onboard:
            self.driver.call("cuEventRecord", self.arrived, self.device.arrivals)
            self.driver.call("cuStreamWaitEvent", self.stream, self.arrived, 0)
        enter, leave = partial(self._enter, sources, batch, raw), partial(self._leave, targets, batch, raw)
        ends = self._events() if timed else []
        kind = "timed " * timed
        if onboard:
            self._reach(ends[:1], "cuEventRecord")
            enter()
            self._start((batch, f"{kind}steps"), lambda: self._steps(batch, ends[1:-1]))
            leave()
            self._reach(ends[-1:], "cuEventRecord")
        else:

            def everything() -> None:
                self._reach(ends[:1], "cuEventRecordWithFlags", A_NODE)
                enter()
                self._steps(batch, ends[1:-1])
                leave()
                self._reach(ends[-1:], "cuEventRecordWithFlags", A_NODE)

            self._start((batch, f"{kind}raw" if raw else f"{kind}all"), everything)
        self.wait()
        for number, array in enumerate(outputs, len(inputs)):
            if not isinstance(array, DeviceArray):
                whole = self._staging(number).view(batch, raw=raw)
                np.copyto(array, whole[place] if (place := self.places[number]) else whole)
        return [self._between(before, after) for before, after in pairwise(ends)]

    def _stage(self, inputs: Sequence[Given], outputs: Sequence[Given], batch: int, raw: bool) -> None:
        """Read the user's arrays; nothing more is allocated after this, as nothing may be while a graph is made."""
        for number, array in enumerate(inputs):
            if not isinstance(array, DeviceArray):
                np.copyto(self._staging(number).view(batch, raw=raw), array)
        for number, array in enumerate(outputs, len(inputs)):
            if not isinstance(array, DeviceArray):
                self._staging(number)

    def _enter(self, arrays: Arrays, batch: int, raw: bool) -> None:
        for number, array in enumerate(arrays):
            if array is None:
                staging = self._staging(number)
                size = staging.image_bytes(raw=raw) * batch
                self.driver.call("cuMemcpyHtoDAsync_v2", staging.device, staging.host, size, self.stream)
            self._crossing(number, raw, array).put(self.stream, batch)

    def _steps(self, batch: int, events: Sequence[int]) -> None:
        """With an event before each and behind the last, or none at all; a graph is being made."""
        self._reach(events[:1], "cuEventRecordWithFlags", A_NODE)
        for number, launch in enumerate(self.launches, 1):
            launch.put(self.stream, batch)
            self._reach(events[number : number + 1], "cuEventRecordWithFlags", A_NODE)

    def _leave(self, arrays: Arrays, batch: int, raw: bool) -> None:
        first = len(self.model.program.inputs)
        for number, array in enumerate(arrays, first):
            self._crossing(number, raw, array).put(self.stream, batch)
        for number, array in enumerate(arrays, first):
            if array is None and self.names[number] != self.names[number - 1]:  # once for all parts
                staging = self._staging(number)
                size = staging.image_bytes(raw=raw) * batch
                self.driver.call("cuMemcpyDtoHAsync_v2", staging.host, staging.device, size, self.stream)

    def wait(self) -> None:
        """Until all is done that is in the stream. Raises CudaError where a kernel failed."""
        self.driver.call("cuStreamSynchronize", self.stream)

    # --- graphs and times

    def _start(self, key: tuple[int, str], put: Callable[[], object]) -> None:
        """What `put` puts into the stream, as a graph."""
        if key in self.graphs:
            self.graphs.move_to_end(key)
        else:
            while len(self.graphs) >= MOST_GRAPHS:
                self.driver.drop("cuGraphExecDestroy", self.graphs.popitem(last=False)[1])
            self.graphs[key] = self._captured(put)
        self.driver.call("cuGraphLaunch", self.graphs[key], self.stream)

    def _captured(self, put: Callable[[], object]) -> int:
        graph = ctypes.c_void_p()
        self.driver.call("cuStreamBeginCapture_v2", self.stream, RELAXED)
        try:
            put()
        except BaseException:
            self.driver.drop("cuStreamEndCapture", self.stream, ctypes.byref(graph))
            if graph.value:
                self.driver.drop("cuGraphDestroy", graph)
            raise
        self.driver.call("cuStreamEndCapture", self.stream, ctypes.byref(graph))
        try:
            return self.driver.made("cuGraphInstantiateWithFlags", graph, 0)
        finally:
            self.driver.drop("cuGraphDestroy", graph)

    def _events(self) -> list[int]:
        """What is reached before a timed run, behind each of its parts and at its end; always the same ones, which
        graphs know."""
        while len(self.events) < len(self.launches) + 3:
            self.events.append(self.driver.made("cuEventCreate", 0))
        return self.events

    def _reach(self, events: Sequence[int], how: str, *flags: int) -> None:
        for event in events:
            self.driver.call(how, event, self.stream, *flags)

    def _between(self, before: int, after: int) -> int:
        """Nanoseconds on the device."""
        ms = ctypes.c_float()
        self.driver.call("cuEventElapsedTime", ctypes.byref(ms), before, after)
        return round(ms.value * 1e6)

    def close(self) -> None:
        """Give everything back."""
        if self.stream:
            with contextlib.suppress(DyadicError):  # of a run whose caller has heard of it
                self.wait()
        for graph in self.graphs.values():
            self.driver.drop("cuGraphExecDestroy", graph)
        for event in (*self.events, self.arrived):
            if event:
                self.driver.drop("cuEventDestroy_v2", event)
        for staging in self.staged.values():
            staging.close()
        if self.stream:
            self.driver.drop("cuStreamDestroy_v2", self.stream)
        if self.arena:
            self.driver.drop("cuMemFree_v2", self.arena)

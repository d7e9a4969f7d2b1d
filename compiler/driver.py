"""The whole compiler on one page: the stages, in order. Read this first, then `passes/__init__.py`.

    import, ingest, prepare    the user's model becomes a regular float graph     float_network.py
    calibrate                  every tensor gets its range, from samples          calibrate/
    select                     every tensor gets its width                        select/
    refine                     weights and scales that suit the widths            refine/
    integerize                 integers: from here on, nothing changes a bit      passes/integerize/
    lower, emit                memory, kernels, machine code, for one target      targets/, tune/
    measure                    what came out, beside float and int8               measure/

Each is a function of what those before it made, and changes none of that: `select` compiles any number of other plans
of one calibrated network by the same `build` that makes the one that ships.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

from torch_mlir import ir

from dyadic.compiler.artifact import Artifact, finished
from dyadic.compiler.built import Build, Built
from dyadic.compiler.calibrate import calibrate
from dyadic.compiler.calibrate.data import first_batches
from dyadic.compiler.calibrated import Calibrated, balancing
from dyadic.compiler.compiled import Compiled
from dyadic.compiler.float_network import float_network, run_stage
from dyadic.compiler.in_python import called_as, check_call, keywords_in_errors
from dyadic.compiler.job import Job
from dyadic.compiler.lengths import ASKED, check_lengths, shortened
from dyadic.compiler.machines.agent import Agent
from dyadic.compiler.measure.account import account
from dyadic.compiler.measure.measurements import measure
from dyadic.compiler.options import EVERY_LEVEL, Options
from dyadic.compiler.quality.float_engine import FloatModelError
from dyadic.compiler.record import made
from dyadic.compiler.refine import TECHNIQUES, Refined, refine
from dyadic.compiler.refine.equalization import Equalizer
from dyadic.compiler.select.stage import select
from dyadic.compiler.sent import arrived, sent_items
from dyadic.compiler.targets.certificate import Certificate
from dyadic.compiler.targets.emitted import Emitted
from dyadic.compiler.targets.registry import target_of
from dyadic.compiler.targets.target import Target
from dyadic.compiler.targets.tuned import Tuned
from dyadic.compiler.tools import Tools
from dyadic.compiler.trace import run_passes
from dyadic.compiler.tune.stage import tune_network
from dyadic.compiler.user_data import open_data
from dyadic.compiler.widths.decisions import Decisions
from dyadic.compiler.workers.child import HANDED
from dyadic.compiler.workers.one_thread import one_thread
from dyadic.compiler.workers.workers import Shared
from dyadic.passes import PIPELINE
from dyadic.passes.integerize.quantization import anything_given


@called_as(Job)
def compile(*asked: object, **keywords: object) -> Artifact:
    """Compile a trained network to an artifact that computes with integers only, layers of `exclude` apart.

    model: an ONNX file (path, bytes or ModelProto), or a `torch.nn.Module` with `example_inputs`.
    calibration: samples to learn ranges from: a `.npz` file with arrays named as the model's inputs, a `.npy` file,
    arrays, an iterable of arrays, dicts or tuples, or a CalibrationDataReader. evaluate: the same, with `labels`: the
    artifact's accuracy is measured and reported beside float's. metric: another measure in its place, `metric(outputs,
    data) -> float`, larger is better: `outputs` by the names of the model's outputs, `data` what of `evaluate` is no
    input of the model, both whole; or the text `FILE.py:FUNCTION`.

    Who interrupts the final measurement gets the artifact, and a warning that its report has no figures.
    """
    with keywords_in_errors():
        check_call("compile", Job, asked, keywords)
        job = Job(*asked, **keywords)  # pyright: ignore[reportArgumentType]  # `called_as` says what they are
        tools = Tools.of(job)
        with tools.workers:
            compiled = build_artifact(job, tools)
            artifact = compiled.artifact
            try:
                with finished(artifact):
                    artifact = measured(compiled, tools)
            except KeyboardInterrupt:
                tools.progress.warn("interrupted: the artifact is complete, its report has no measurements")
        tools.progress.result("compile", artifact.facts)
        return artifact


def build_artifact(job: Job, tools: Tools) -> Compiled:
    """Everything but the measurements."""
    job = for_machine(job, tools.agent)
    calibrated = calibrated_network(job, tools)
    trial = trials_of(calibrated, job, tools)
    with tools.stage("select"):
        selection = select(calibrated, job, trial, tools)
    with one_thread() if job.mixed else nullcontext():  # as the search has tried it
        built = build(calibrated, selection.decisions, selection.why, job.options, tools)
    emitted, tuned = for_targets(built, job.options, tools)
    certificate = certified(emitted, built.integer, selection.islands)
    report = account(job, selection, built, tuned, certificate, tools.seconds)
    artifact = Artifact(emitted, certificate, made(job, calibrated.data, built, tuned), report, job.inputs)
    return Compiled(job, calibrated, selection, built, trial, artifact)


def for_machine(job: Job, agent: Agent | None) -> Job:
    """With code for the levels of the agent's machine, where nobody says for which."""
    if agent is None or (job.isa and job.isa != (EVERY_LEVEL,)):
        return job
    usual = (agent.levels[0], job.asked[0].target.levels[-1])
    return replace(job, isa=tuple(dict.fromkeys(agent.levels if job.isa else usual)))


def calibrated_network(job: Job, tools: Tools) -> Calibrated:
    """The stages before anything is decided."""
    metric = job.load_metric()
    module = float_network(job, tools)
    with tools.stage("calibrate"):
        data = open_data(job, metric, module, tools)
        if job.lengths:
            check_lengths(job, tools, module.operation, list(first_batches(data.calibration, ASKED, ASKED)))
        if job.calibration is not None:
            calibrate(module, data.calibration, job.observer, tools.progress, tools.cache)
        tools.trace.page(module.operation, "calibrate", job.observer)
        equalizer = Equalizer(module.operation, data.calibration, job.observer, tools.cache)
    tools.look("calibrate", module.operation)
    changing = () if anything_given(module.operation) else balancing(job.left_out)  # other weights have other steps
    return Calibrated(module.operation, data, equalizer, changing)


def trials_of(calibrated: Calibrated, job: Job, tools: Tools) -> Build:
    """How `select` and `measure` have other plans compiled: as the one that ships, without a word and untuned."""
    return Trials(calibrated, replace(job.options, tune="off"), tools.quiet(), job.threads)


def trials_elsewhere(items: list[Any]) -> Build:
    """The same in another process, of what `sent_items` sent there."""
    sent, *batches = items
    sent.options.primary.target.get_ready()
    tools = Tools.of(sent.options, handed=HANDED).quiet()
    return Trials(arrived(sent, batches, tools), sent.options, tools, 1)


class Trials:
    """Compiles plans of one network; see `Build`."""

    def __init__(self, calibrated: Calibrated, options: Options, tools: Tools, threads: int | None) -> None:
        self.calibrated, self.options, self.tools, self.threads = calibrated, options, tools, threads
        self.shared: Shared[Build] = Shared(self, lambda: sent_items(calibrated, options), trials_elsewhere)

    def __call__(self, decisions: Decisions, levels: Sequence[str], refine: bool = True) -> Built:
        with self.tools.context:
            why = dict.fromkeys(decisions.by_layer(self.calibrated.points), "tried")
            return build(self.calibrated, decisions, why, self.options, self.tools, refine, levels)

    @property
    def level(self) -> str:
        return self.options.primary.target.choose(self.options.levels)


def build(
    calibrated: Calibrated,
    decisions: Decisions,
    why: Mapping[str, str],
    options: Options,
    tools: Tools,
    learn: bool = True,
    levels: Sequence[str] = (),
) -> Built:
    """The stages behind select: a plan becomes code for the primary target, and nothing else is done on the way.

    why: by layer, for the IR. learn: whether weights of few bits are refined; else they are rounded to nearest. levels:
    others than the options'.
    """
    target, refined, equalized = options.primary.target, Refined(), None
    with tools.stage("refine"):
        network = calibrated.decided(decisions, why)
        tools.trace.page(network, "select", options.precision)
        tools.look("select", network)
        if learn:
            network, equalized = calibrated.equalized(network, decisions, why, options)
        run_passes(network, calibrated.balancing, "refine", tools.trace)
        if learn:
            samples, wanted = calibrated.data.calibration, [one for one in TECHNIQUES if one not in options.left_out]
            refined = refine(network, samples, tools.progress, wanted, tools.cache, None, tools.trace)
            for note in refined.notes:
                tools.progress.warn(note)
        floating = network.clone()
    tools.look("refine", network)
    shorter = [shortened(network, length) for length in options.lengths[1:]]
    with tools.stage("integerize"):
        run_stage(network, "integerize", PIPELINE["integerize"], tools)
        integer = network.clone()
        for one in shorter:
            run_stage(one, "integerize", PIPELINE["integerize"], tools.quiet())
    tools.look("integerize", network)
    with tools.stage("lower"):
        run_stage(network, "lower", target.pipeline, tools)
        lowered, tuned = tune_network(options.primary, network, integer, options, tools)
        others = lowered_for(target, shorter, tools)
    tools.look("lower", lowered.operation)
    with tools.stage("emit"), tools.progress.stage("emit"):
        emitted = target.emit(lowered, levels or options.levels, integer, tools.cache, others)
    return Built(floating, integer, lowered.operation, emitted, refined, equalized, tuned, tuple(shorter))


def lowered_for(target: Target, networks: Iterable[ir.Operation], tools: Tools) -> list[ir.Operation]:
    """Copies of integer networks as kernels of a target, without a word."""
    copies = [network.clone() for network in networks]
    for copy in copies:
        run_stage(copy, "lower", target.pipeline, tools.quiet())
    return copies


def for_targets(built: Built, options: Options, tools: Tools) -> tuple[Emitted, dict[str, Tuned]]:
    """What goes into the artifact: the network that was built, lowered for each target that was asked for; and by
    target, what tuning has found out."""
    every: list[Emitted] = []
    found = {built.emitted.target: built.tuned}
    for asked in options.asked:
        if asked.name == built.emitted.target:
            every.append(built.emitted)
            continue
        with tools.stage("lower"):
            network, *shorter = lowered_for(asked.target, (built.integer, *built.shorter), tools)
            lowered, found[asked.name] = tune_network(asked, network, built.integer, options, tools)
        with tools.stage("emit"), tools.progress.stage("emit"):
            every.append(asked.target.emit(lowered, options.levels_of(asked), built.integer, tools.cache, shorter))
    first, *others = (
        asked.target.beside(one, [other for other in every if other is not one], built.integer)
        for asked, one in zip(options.asked, every, strict=True)
    )
    return replace(first, beside=tuple(others)), {name: one for name, one in found.items() if one is not None}


def certified(emitted: Emitted, integer: ir.Operation, islands: Sequence[str]) -> Certificate:
    """The proof that nothing but these layers is float. What it finds otherwise is a fault of ours."""
    first, *others = [target_of(one.target).certify(integer, one) for one in (emitted, *emitted.beside)]
    certificate = replace(first, images=tuple(image for each in (first, *others) for image in each.images))
    if certificate.offenders:
        raise RuntimeError(f"the generated code is {certificate.summary()}")
    if wrong := {*certificate.islands} ^ {*islands}:
        raise RuntimeError(f"not those layers stayed float that were to: {', '.join(sorted(wrong))}")
    return certificate


def network_after(stage: str, job: Job) -> ir.Operation:
    """The IR as it is after a stage; those behind it do not run."""

    class Reached(Exception):
        pass

    seen: list[ir.Operation] = []

    def look(name: str, network: ir.Operation) -> None:
        if name == stage:
            seen.append(network)
            raise Reached

    with suppress(Reached):
        build_artifact(job, Tools.of(job, look))
    return seen[0]


def measured(compiled: Compiled, tools: Tools) -> Artifact:
    """The artifact, with figures in its report where they are asked for."""
    artifact = compiled.artifact
    if not compiled.job.measure:
        return artifact
    if compiled.job.calibration is None and compiled.job.evaluate is None:
        note = "the model itself says how it is quantized, and no samples were given, so nothing was measured"
        tools.progress.warn(note)
        return replace(artifact, report=replace(artifact.report, notes=(note,)))
    try:
        with tools.stage("measure"):
            return replace(artifact, report=measure(compiled, tools))
    except FloatModelError as error:
        if compiled.job.evaluate is not None:  # then a comparison was asked for
            raise
        tools.progress.warn(f"nothing was measured: {error}")
        return replace(artifact, report=replace(artifact.report, notes=(f"nothing was measured: {error}",)))


class Flow:
    """A compile up to a stage, as scripts that look into one ask for it; `network_after` is what it calls."""

    def __init__(self, model: object, calibration: object, evaluate: object, examples: Any, options: Options) -> None:
        self.job = Job(model, calibration, evaluate=evaluate, example_inputs=examples, **vars(options))

    def run(self, until: str) -> ir.Operation:
        return network_after(until, self.job)

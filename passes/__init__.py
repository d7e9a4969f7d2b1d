"""The pipeline, top to bottom. To add a pass: one file in its stage's folder, one line below, with its reason.

Stages without passes here (import, calibrate, select, emit) need data, the outside world or a decision: see
`compiler/driver.py`.
"""

from dyadic.passes.ingest.ingest_aten import ingest_aten
from dyadic.passes.ingest.ingest_onnx import ingest_onnx
from dyadic.passes.integerize.align_residuals import align_residuals
from dyadic.passes.integerize.choose_fused_additions import choose_fused_additions
from dyadic.passes.integerize.integerize import integerize as convert_to_integers  # the name is the package here
from dyadic.passes.integerize.mark_tokens import mark_tokens
from dyadic.passes.integerize.place_ranges import place_ranges
from dyadic.passes.integerize.place_widths import place_widths
from dyadic.passes.integerize.verify_integer import verify_integer
from dyadic.passes.lower.cpu.join_copies import join_copies
from dyadic.passes.lower.cpu.select_kernels import select_kernels
from dyadic.passes.lower.cuda.align_pixels import align_pixels
from dyadic.passes.lower.cuda.gather_projections import gather_projections
from dyadic.passes.lower.cuda.join_additions import join_additions
from dyadic.passes.lower.cuda.join_norms import join_norms
from dyadic.passes.lower.cuda.join_pools import join_pools
from dyadic.passes.lower.cuda.join_repeats import join_repeats
from dyadic.passes.lower.cuda.join_shuffles import join_shuffles
from dyadic.passes.lower.cuda.join_squeezes import join_squeezes
from dyadic.passes.lower.cuda.join_tables import join_tables
from dyadic.passes.lower.cuda.read_pools import read_pools
from dyadic.passes.lower.cuda.read_through import read_through
from dyadic.passes.lower.cuda.requantize_first import requantize_first
from dyadic.passes.lower.cuda.select_gpu_kernels import select_gpu_kernels
from dyadic.passes.lower.cuda.write_copies import write_copies
from dyadic.passes.lower.memory.assign_layouts import assign_layouts
from dyadic.passes.lower.memory.choose_dim_order import choose_dim_order
from dyadic.passes.lower.memory.plan_memory import plan_memory
from dyadic.passes.prepare.balance_attention import balance_attention
from dyadic.passes.prepare.balance_norms import balance_norms
from dyadic.passes.prepare.end_in_float import end_in_float
from dyadic.passes.prepare.end_log_softmax import end_log_softmax
from dyadic.passes.prepare.end_rankings import end_rankings
from dyadic.passes.prepare.equalize_channels import equalize_channels
from dyadic.passes.prepare.equalize_layers import equalize_layers
from dyadic.passes.prepare.fit_codes import fit_codes
from dyadic.passes.prepare.fold_batch_norm import fold_batch_norm
from dyadic.passes.prepare.fold_constants import fold_constants
from dyadic.passes.prepare.fold_normalization import fold_normalization
from dyadic.passes.prepare.fold_pads import fold_pads
from dyadic.passes.prepare.form_quotients import form_quotients
from dyadic.passes.prepare.leave_out_last import leave_out_last
from dyadic.passes.prepare.measure_lengths import measure_lengths
from dyadic.passes.prepare.merge_clamps import merge_clamps
from dyadic.passes.prepare.merge_scale_shifts import merge_scale_shifts
from dyadic.passes.prepare.narrow_stream_reads import narrow_stream_reads
from dyadic.passes.prepare.order_operations import order_operations
from dyadic.passes.prepare.raise_clamps import raise_clamps
from dyadic.passes.prepare.raise_scale_shifts import raise_scale_shifts
from dyadic.passes.prepare.recognize_activations import recognize_activations
from dyadic.passes.prepare.recognize_attention import recognize_attention
from dyadic.passes.prepare.recognize_gelu import recognize_gelu
from dyadic.passes.prepare.recognize_norms import recognize_norms
from dyadic.passes.prepare.recognize_softmax import recognize_softmax
from dyadic.passes.prepare.refuse_spelled import refuse_spelled
from dyadic.passes.prepare.regularize_pooling import regularize_pooling
from dyadic.passes.prepare.remove_identities import remove_identities
from dyadic.passes.prepare.sink_concats import sink_concats
from dyadic.passes.prepare.sink_slices import sink_slices
from dyadic.passes.prepare.skip_known_sums import skip_known_sums
from dyadic.passes.prepare.slice_parts import slice_parts
from dyadic.passes.prepare.split_projections import split_projections
from dyadic.passes.prepare.take_given import take_given
from dyadic.passes.prepare.take_pixels import take_pixels
from dyadic.passes.prepare.tidy_moves import tidy_moves
from dyadic.passes.prepare.use_i_bert import use_i_bert
from dyadic.passes.prepare.use_i_vit import use_i_vit
from dyadic.passes.prepare.widen_outputs import widen_outputs
from dyadic.passes.refine.correct_biases import correct_biases
from dyadic.passes.refine.learn_rounding import learn_rounding
from dyadic.passes.refine.search_weight_scales import search_weight_scales
from dyadic.passes.rewriting import Pass

OPTIONAL = frozenset(
    {
        "equalize-layers",  # equalization helps some networks and harms others: tried once widths are chosen
        "equalize-channels",
        "balance-norms",  # by what calibration saw, and by the widths
        "balance-attention",
        "end-in-float",  # where a last Softmax or Sigmoid is computed: the user says so
        "leave-out-last",
        "widen-outputs",
        "use-i-bert",  # for networks that were trained with other functions: the user says so
        "use-i-vit",
    }
)

# folder under passes/ -> its passes in order
PIPELINE: dict[str, tuple[Pass, ...]] = {
    "ingest": (
        ingest_onnx,  # each importer has its own operators; a pass leaves the other one's alone
        ingest_aten,
    ),
    "prepare": (
        take_pixels,  # first: all others see the network with its normalization in it
        slice_parts,  # before constants are folded: what is taken of a joined constant is one
        sink_concats,  # before constants are folded: it moves some
        fold_constants,  # since the patterns below look for constants
        remove_identities,  # so that the patterns below see neighbours
        take_given,  # before patterns look at what lies between ops
        fit_codes,  # once inputs say what is given of them
        recognize_activations,  # before their additions are folded into layers
        recognize_gelu,
        recognize_norms,
        recognize_softmax,  # before attention, which has one inside
        skip_known_sums,  # of softmaxes, which have their name now
        measure_lengths,  # what is left of square roots once norms have their names
        recognize_attention,  # before scales are folded into the layers that make q and k
        use_i_bert,  # once everything has its name
        use_i_vit,
        end_rankings,  # first: one behind a softmax needs none
        leave_out_last,
        end_in_float,
        end_log_softmax,
        form_quotients,  # what is left of divisions once norms and softmaxes have their names
        widen_outputs,
        refuse_spelled,  # once every pattern above has had its turn
        regularize_pooling,
        fold_pads,  # before batch norms, which fold into a layer without padding only
        merge_scale_shifts,
        raise_scale_shifts,  # one at a time, to the layers that take them in
        fold_normalization,  # before batch norms, which leave alone what is in front of padding
        fold_batch_norm,
        split_projections,  # once their biases are in them
        tidy_moves,  # after slices went, which stood between
        merge_clamps,
        raise_clamps,  # once what stood between them and their layer is in its weights
        sink_slices,  # what a classifier does not read needs no kernels
        narrow_stream_reads,  # behind those that take an identity for nothing
        order_operations,  # one order, no leftovers and no constant twice, whoever wrote the graph
        equalize_layers,  # last: it has to see that a Relu6 is no Relu, and which layers share their weights
        equalize_channels,  # the same across additions and pools, where channels are of very different size
        balance_norms,  # behind calibration, which says how far channels reach
        balance_attention,
    ),
    "refine": (
        search_weight_scales,  # first: learned rounding starts from its scales
        learn_rounding,
        correct_biases,  # last: what is left on average once weights are chosen
    ),
    "integerize": (
        mark_tokens,  # first: a proof about the network as it is
        place_widths,  # before ranges: what rounds to another width gets a range of its own
        place_ranges,  # before those that read scales, which follow from ranges that agree
        choose_fused_additions,  # before integerize, which must know whether a layer rounds or waits for its addition
        align_residuals,  # after both: for additions that were chosen, and no one moves their ranges any more
        convert_to_integers,
        verify_integer,  # last: the proof that nothing float is left inside
    ),
    "lower/cpu": (
        choose_dim_order,  # first: layouts are of tensors as they lie in memory
        join_copies,  # before layouts: a copy lies beside what it is a copy of
        assign_layouts,  # before memory: where halos lie and which tensors share a buffer decides what needs memory
        plan_memory,  # before outlining, while lifetimes can be read off the graph
        select_kernels,
    ),
    "lower/cuda": (
        align_pixels,  # first: it says how layouts are to be
        choose_dim_order,
        join_tables,  # once channels are last
        gather_projections,  # before memory: what is made together lives together
        join_additions,  # behind functions that are looked up; an order is kept from here on
        join_shuffles,  # as additions
        requantize_first,  # before copies, of which that is one then
        write_copies,  # before norms, which are in the kernel of a layer or write copies
        join_repeats,  # of copies
        join_norms,  # what is gathered has no whole rows
        join_pools,  # after tables and norms: a layer makes a pool of what it has looked up, and not of what it norms
        join_squeezes,  # last: its kernels make nothing of what passes above join to a layer
        read_pools,  # those that no layer makes
        read_through,  # before layouts, which then are those of other tensors
        assign_layouts,
        plan_memory,
        select_gpu_kernels,
    ),
}


def usual(folder: str, *wanted: str) -> tuple[Pass, ...]:
    """The passes of a folder in order; of those that are optional, the wanted ones."""
    return tuple(one for one in PIPELINE[folder] if one.name not in OPTIONAL or one.name in wanted)

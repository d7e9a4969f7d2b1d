"""Kernels of one item a thread and time as PTX by hand, for tests of the runtime that know no compiler.

Each walks the numbers of an image in the user's order, [C, H, W]; its parameters are the law of the boundary, the
sizes, and how far apart pixels and rows are inside.
"""

TARGET, VERSION = "sm_80", "7.1"

# params: scale, zero point, lo, hi, channels, height, width, pixel, rows of input and output, items of an image
FRAME = """
.visible .entry {name}(.param .u64 p_out, {pointers}.param .u64 p_weights, .param .u64 p_params, .param .u32 p_batch,
                       .param .u32 p_out_image{distances}) {{
    .reg .pred %p<4>;
    .reg .b32 %r<40>;
    .reg .f32 %f<4>;
    .reg .b64 %d<20>;
    ld.param.u64 %d0, [p_out];
    ld.param.u64 %d2, [p_weights];
    ld.param.u64 %d3, [p_params];
    ld.param.u32 %r0, [p_batch];
    ld.param.u32 %r1, [p_out_image];
    {first}
    ld.global.u32 %r3, [%d3+40];
    mul.lo.u32 %r4, %r3, %r0;            // items of the batch
    mov.u32 %r5, %ctaid.x;
    mul.lo.u32 %r5, %r5, {block};
    add.u32 %r6, %r5, {block};           // the block's end
    mov.u32 %r7, %tid.x;
    mov.u32 %r8, %ntid.x;
    add.u32 %r5, %r5, %r7;               // this thread's item
LOOP:
    setp.ge.u32 %p0, %r5, %r4;
    @%p0 bra DONE;
    setp.ge.u32 %p1, %r5, %r6;
    @%p1 bra DONE;
    div.u32 %r9, %r5, %r3;               // its image
    rem.u32 %r10, %r5, %r3;              // which number of it
    ld.global.u32 %r11, [%d3+20];
    ld.global.u32 %r12, [%d3+24];
    mul.lo.u32 %r13, %r11, %r12;
    div.u32 %r14, %r10, %r13;            // channel
    rem.u32 %r15, %r10, %r13;
    div.u32 %r16, %r15, %r12;            // y
    rem.u32 %r17, %r15, %r12;            // x
    ld.global.u32 %r18, [%d3+28];
    mad.lo.u32 %r19, %r17, %r18, %r14;
    ld.global.u32 %r20, [%d3+32];
    mad.lo.u32 %r21, %r16, %r20, %r19;   // where it is inside of the input
    ld.global.u32 %r22, [%d3+36];
    mad.lo.u32 %r23, %r16, %r22, %r19;   // where it is inside of the output
    mul.wide.u32 %d4, %r9, %r1;
    add.s64 %d4, %d0, %d4;               // the image of the output
    {second}
{body}
    add.u32 %r5, %r5, %r8;
    bra LOOP;
DONE:
    ret;
}}
"""


def at(register: str, image: str, number: str, size: int) -> str:
    """The address of a number of an image."""
    return f"    mul.wide.u32 {register}, {number}, {size};\n    add.s64 {register}, {image}, {register};\n"


def kernel(name: str, block: int, body: str, *, has_input: bool = True) -> str:
    """`body` has %d4 and %d5, the images of output and input, %r10 the number, %r21 and %r23 where it is inside."""
    return FRAME.format(
        name=name,
        block=block,
        body=body.rstrip(),
        pointers=".param .u64 p_in, " if has_input else "",
        distances=", .param .u32 p_in_image" if has_input else "",
        first="ld.param.u64 %d1, [p_in];\n    ld.param.u32 %r2, [p_in_image];" if has_input else "",
        second="mul.wide.u32 %d5, %r9, %r2;\n    add.s64 %d5, %d1, %d5;" if has_input else "",
    )


QUANTIZE = (
    at("%d6", "%d5", "%r10", 4)
    + """    ld.global.f32 %f0, [%d6];
    ld.global.f32 %f1, [%d3];
    div.rn.f32 %f0, %f0, %f1;
    cvt.rni.s32.f32 %r24, %f0;
    max.s32 %r24, %r24, -65536;
    min.s32 %r24, %r24, 65536;
    ld.global.u32 %r25, [%d3+4];
    add.s32 %r24, %r24, %r25;
    ld.global.u32 %r25, [%d3+8];
    max.s32 %r24, %r24, %r25;
    ld.global.u32 %r25, [%d3+12];
    min.s32 %r24, %r24, %r25;
"""
    + at("%d7", "%d4", "%r23", 1)
    + "    st.global.u8 [%d7], %r24;\n"
)
DEQUANTIZE = (
    at("%d6", "%d5", "%r21", 1)
    + """    ld.global.u8 %r24, [%d6];
    ld.global.u32 %r25, [%d3+4];
    sub.s32 %r24, %r24, %r25;
    cvt.rn.f32.s32 %f0, %r24;
    ld.global.f32 %f1, [%d3];
    mul.rn.f32 %f0, %f0, %f1;
"""
    + at("%d7", "%d4", "%r10", 4)
    + "    st.global.f32 [%d7], %f0;\n"
)


def copy(source: str, target: str, size: int = 1) -> str:
    """The numbers as they are, of so many bytes; `source` and `target` say which register has their index."""
    move = f"    ld.global.u{8 * size} %r24, [%d6];\n    st.global.u{8 * size} [%d7], %r24;\n"
    return at("%d6", "%d5", source, size) + at("%d7", "%d4", target, size) + move


# beside its left neighbour, plus a number a channel, modulo 256
BOTH = (
    at("%d6", "%d5", "%r21", 1)
    + """    ld.global.u8 %r24, [%d6];
    ld.global.u8 %r25, [%d6+-4];
    add.u32 %r24, %r24, %r25;
    cvt.u64.u32 %d8, %r14;
    add.s64 %d8, %d2, %d8;
    ld.global.u8 %r25, [%d8];
    add.u32 %r24, %r24, %r25;
"""
    + at("%d7", "%d4", "%r23", 1)
    + "    st.global.u8 [%d7], %r24;\n"
)
FILL = at("%d7", "%d4", "%r10", 1) + "    ld.global.u32 %r24, [%d3+4];\n    st.global.u8 [%d7], %r24;\n"
# of two blocks in y, the first writes even places, the second odd ones
HALVES = (
    """    mov.u32 %r30, %ctaid.y;
    and.b32 %r31, %r10, 1;
    setp.ne.u32 %p2, %r30, %r31;
    @%p2 bra SKIP;
"""
    + FILL
    + "SKIP:\n"
)
WILD = FILL.replace("[%d7]", "[%d7+1073741824]")  # a fault
KERNELS = {
    "quantize": kernel("quantize", 64, QUANTIZE),
    "raw_in": kernel("raw_in", 64, copy("%r10", "%r23")),
    "both": kernel("both", 64, BOTH),
    "dequantize": kernel("dequantize", 128, DEQUANTIZE),
    "raw_out": kernel("raw_out", 128, copy("%r21", "%r10")),
    "words_in": kernel("words_in", 64, copy("%r10", "%r10", 4)),
    "fill": kernel("fill", 256, FILL, has_input=False),
    "halves": kernel("halves", 256, HALVES, has_input=False),
    "wild": kernel("wild", 64, WILD, has_input=False),
}


def text(names: list[str], target: str = TARGET, version: str = VERSION) -> str:
    """PTX with these kernels."""
    # labels are of their kernel alone, as braces say
    return f".version {version}\n.target {target}\n.address_size 64\n" + "".join(KERNELS[name] for name in names)

// Instructions of barriers in shared memory, of bulk copies and of clusters.
#include "decode.h"

namespace ptx {
namespace {

bool starts(const std::vector<std::string> &words, const std::vector<std::string> &with) {
    return words.size() >= with.size() && std::equal(with.begin(), with.end(), words.begin());
}

} // namespace

// mbarrier.init.shared::cta.b64 [a], count; mbarrier.arrive{.expect_tx}.shared::cta.b64 _, [a]{, bytes};
// mbarrier.arrive.shared::cluster.b64 _, [a]; mbarrier.try_wait.parity{.acquire.cluster}.shared::cta.b64 p, [a], parity
void Decoder::memory_barrier() {
    parser.need_architecture(90, s.text); // init and arrive are older, but a phase counts bytes from there on
    parser.kernel().asynchronous = true;
    i.space = Space::shared;
    const std::string kind = s.words.size() > 1 ? s.words[1] : "";
    const bool cluster = s.has("shared::cluster");
    if (s.type() != "b64" || !(s.has("shared::cta") || s.has("shared") || (cluster && kind == "arrive")))
        parser.refuse(s.text);
    u32 address = 0;
    if (kind == "init") {
        allow({"init", "shared::cta", "shared"});
        i.run = make_barrier;
        need_operands(2, 2);
        from(1, s.operands[1], 32);
    } else if (kind == "arrive") {
        allow({"arrive", "expect_tx", "release", "cta", "cluster", "shared::cta", "shared::cluster", "shared"});
        i.run = arrive;
        i.variant = s.has("expect_tx");
        need_operands(2 + i.variant, 2 + i.variant);
        if (s.operands[0] != "_")
            parser.refuse("states of phases are not known here: " + s.text);
        if (i.variant)
            from(1, s.operands[2], 32);
        address = 1;
    } else if (kind == "try_wait" && s.has("parity")) {
        allow({"try_wait", "parity", "acquire", "cta", "cluster", "shared::cta", "shared"});
        i.run = try_wait;
        need_operands(3, 3);
        predicate_to(0, s.operands[0]);
        if (i.predicate_to[0] < 0)
            parser.refuse(s.text);
        from(1, s.operands[2], 32);
        address = 1;
    } else {
        parser.refuse("mbarrier of another kind: " + s.text);
    }
    parser.address(s.operands[address], &i.from[0], &i.offset);
}

// barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned. Those that order nothing are refused.
void Decoder::cluster_barrier() {
    parser.need_architecture(90, s.text);
    const bool arrives = s.has("arrive");
    if (!starts(s.words, {"barrier", "cluster", arrives ? "arrive" : "wait"}))
        parser.refuse(s.text);
    allow({"cluster", arrives ? "arrive" : "wait", arrives ? "release" : "acquire", "aligned"}, 0);
    need_operands(0, 0);
    i.run = arrives ? arrive_at_cluster : wait_for_cluster;
}

// cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes{.multicast::cluster} [to], [from], size, [b]{,
// mask}
void Decoder::bulk_copy() {
    parser.need_architecture(90, s.text);
    parser.kernel().asynchronous = true;
    if (!starts(s.words, {"cp", "async", "bulk", "shared::cluster", "global", "mbarrier::complete_tx::bytes"}))
        parser.refuse("a bulk copy of another kind: " + s.text);
    i.variant = s.has("multicast::cluster");
    if (s.words.size() != 6 + i.variant)
        parser.refuse(s.text);
    i.run = copy_bulk;
    i.space = Space::shared;
    need_operands(4 + i.variant, 4 + i.variant);
    parser.address(s.operands[0], &i.from[0], &i.offset);
    parser.address(s.operands[1], &i.from[1], &i.second_offset);
    parser.address(s.operands[3], &i.from[3], &i.third_offset);
    from(2, s.operands[2], 32);
    if (i.variant)
        from(4, s.operands[4], 16);
}

void Decoder::mapped_address() { // mapa.shared::cluster.u32 to, address, rank
    parser.need_architecture(90, s.text);
    if (s.words != std::vector<std::string>{"mapa", "shared::cluster", "u32"})
        parser.refuse("generic addresses are not known here: " + s.text);
    i.run = map_address;
    need_operands(3, 3);
    to(0, s.operands[0], 32);
    from(0, s.operands[1], 32);
    from(1, s.operands[2], 32);
}

} // namespace ptx

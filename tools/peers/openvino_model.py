#!/usr/bin/env python3
"""Writes an OpenVINO graph of a Qwen3 shape with random compressed weights.

    openvino_model.py SHAPE LAYERS int4|int8 OUT.xml

The graph keeps keys and values in states, as exporters write them, so that OpenVINO GenAI can replace the states and
the attention with its paged cache. Weights are stored as NNCF stores them: int4 with a scale per 128 inputs, int8 with
a scale per output channel, the head always int8. Needs PyPI's openvino and numpy.
"""

import sys

import numpy
import openvino
from openvino import opset13 as op
from openvino.op.util import Variable, VariableInfo
from shapes import SHAPES, Shape

GROUP = 128
POSITIONS = 8192
POOL_BYTES = 64 << 20


class Graph:
    def __init__(self, shape: Shape, form: str):
        self.shape = shape
        self.form = form
        self.sinks = []
        self.generator = numpy.random.default_rng(1)
        self.pool = self.generator.integers(0, 256, POOL_BYTES, dtype=numpy.uint8)

    def random_bytes(self, count: int) -> numpy.ndarray:
        """Another stretch of the pool each time, or equal constants would be stored once."""
        return numpy.resize(numpy.roll(self.pool, int(self.generator.integers(0, POOL_BYTES))), count)

    def int8(self, rows: int, columns: int):
        codes = self.random_bytes(rows * columns).view(numpy.int8).reshape(rows, columns)
        scales = numpy.full((rows, 1), columns**-0.5 / 74, numpy.float16)
        return op.multiply(op.convert(op.constant(codes), "f16"), op.constant(scales))

    def int4(self, rows: int, columns: int):
        groups = columns // GROUP
        codes = openvino.Tensor(openvino.Type.i4, openvino.Shape([rows, groups, GROUP]))
        numpy.asarray(codes.data).reshape(-1)[:] = self.random_bytes(rows * columns // 2)
        scales = numpy.full((rows, groups, 1), columns**-0.5 / 4.6, numpy.float16)
        weights = op.multiply(op.convert(openvino.op.Constant(codes), "f16"), op.constant(scales))
        return op.reshape(weights, integers([rows, columns]), False)

    def linear(self, x, rows: int, columns: int, form: str | None = None):
        """x (…, columns) times a matrix of `rows` outputs."""
        weights = self.int4(rows, columns) if (form or self.form) == "int4" else self.int8(rows, columns)
        return op.matmul(x, op.convert(weights, "f32"), False, True)

    def remembered(self, x, name: str):
        """All keys or values of the sequence: those of the state, then x, (batch, head, time, size)."""
        shape = self.shape
        sizes = op.concat([self.batch, integers([shape.kv_heads, 0, shape.head_size])], 0)
        empty = op.broadcast(op.constant(numpy.float32(0)), sizes)
        about = VariableInfo()
        about.data_shape = openvino.PartialShape([-1, shape.kv_heads, -1, shape.head_size])
        about.data_type, about.variable_id = openvino.Type.f32, name
        variable = Variable(about)
        past = op.read_value(empty, variable)
        whole = op.concat([op.gather(past, self.beams, op.constant(numpy.int64(0))), x], 2)
        self.sinks.append(op.assign(whole, variable))
        return whole

    def heads(self, x, count: int, normed: bool):
        """(batch, time, count × size) to (batch, count, time, size)."""
        x = op.reshape(x, integers([0, 0, count, self.shape.head_size]), True)
        if normed:
            x = rms_norm(x, self.shape.head_size)
        return op.transpose(x, integers([0, 2, 1, 3]))

    def repeated(self, x):
        """Each key/value head once for each of its query heads."""
        shape = self.shape
        times = shape.heads // shape.kv_heads
        wide = op.unsqueeze(x, integers(2))
        sizes = op.shape_of(wide)
        front, back = (op.gather(sizes, integers(part), integers(0)) for part in ([0, 1], [3, 4]))
        target = op.concat([front, integers([times]), back], 0)
        merged = integers([0, shape.heads, -1, shape.head_size])
        return op.reshape(op.broadcast(wide, target, "BIDIRECTIONAL"), merged, True)

    def layer(self, x, rotate, name: str):
        shape = self.shape
        queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
        y = rms_norm(x, shape.hidden)
        q = rotate(self.heads(self.linear(y, queries, shape.hidden), shape.heads, True))
        k = rotate(self.heads(self.linear(y, keys, shape.hidden), shape.kv_heads, True))
        v = self.heads(self.linear(y, keys, shape.hidden), shape.kv_heads, False)
        k, v = self.remembered(k, name + ".key"), self.remembered(v, name + ".value")
        a = op.scaled_dot_product_attention(q, self.repeated(k), self.repeated(v), self.mask)
        a = op.reshape(op.transpose(a, integers([0, 2, 1, 3])), integers([0, 0, queries]), True)
        x = op.add(x, self.linear(a, shape.hidden, queries))
        y = rms_norm(x, shape.hidden)
        gate = op.swish(self.linear(y, shape.intermediate, shape.hidden))
        y = op.multiply(gate, self.linear(y, shape.intermediate, shape.hidden))
        return op.add(x, self.linear(y, shape.hidden, shape.intermediate))

    def model(self) -> openvino.Model:
        shape = self.shape
        ids = parameter("input_ids", [-1, -1], openvino.Type.i64)
        seen = parameter("attention_mask", [-1, -1], openvino.Type.i64)
        positions = parameter("position_ids", [-1, -1], openvino.Type.i64)
        self.beams = parameter("beam_idx", [-1], openvino.Type.i32)
        self.batch = op.gather(op.shape_of(ids), integers([0]), integers(0))
        self.mask = mask(seen, positions)
        x = op.gather(op.convert(self.int8(shape.vocabulary, shape.hidden), "f32"), ids, integers(0))
        rotate = rotation(positions, shape.head_size)
        for layer in range(shape.layers):
            x = self.layer(x, rotate, f"past_key_values.{layer}")
        logits = self.linear(rms_norm(x, shape.hidden), shape.vocabulary, shape.hidden, "int8")
        logits.output(0).get_tensor().set_names({"logits"})
        return openvino.Model([op.result(logits, name="logits")], self.sinks, [ids, seen, positions, self.beams], shape.name)


def parameter(name: str, shape: list[int], kind):
    node = op.parameter(shape, kind, name=name)
    node.output(0).get_tensor().set_names({name})
    return node


def mask(seen, positions):
    """What is added to scores, (batch, 1, time, all tokens): nothing up to a token's own position."""
    count = op.gather(op.shape_of(seen), integers(1), integers(0))
    columns = op.range(integers(0), count, integers(1), output_type="i64")
    visible = op.less_equal(columns, op.unsqueeze(positions, integers(2)))
    scores = op.select(visible, op.constant(numpy.float32(0)), op.constant(numpy.float32(-65504)))
    return op.unsqueeze(scores, integers(1))


def integers(values):
    return op.constant(numpy.array(values, numpy.int64))


def rms_norm(x, width: int):
    mean = op.reduce_mean(op.power(x, op.constant(numpy.float32(2))), integers([-1]), True)
    scale = op.divide(op.constant(numpy.float32(1)), op.sqrt(op.add(mean, op.constant(numpy.float32(1e-6)))))
    return op.multiply(op.multiply(x, scale), op.constant(numpy.ones(width, numpy.float32)))


def rotation(positions, size: int):
    """Rotary embedding of these positions, (batch, time), applied to (batch, head, time, size)."""
    angles = numpy.arange(POSITIONS)[:, None] * 1e6 ** (-numpy.arange(0, size, 2) / size)[None]
    angles = numpy.concatenate([angles, angles], 1).astype(numpy.float32)

    def rows(table):
        return op.unsqueeze(op.gather(op.constant(table), positions, integers(0)), integers(1))

    cosines, sines = rows(numpy.cos(angles)), rows(numpy.sin(angles))

    def rotate(x):
        left, right = op.split(x, integers(-1), 2).outputs()
        return op.add(op.multiply(x, cosines), op.multiply(op.concat([op.negative(right), left], -1), sines))

    return rotate


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[3] not in ("int4", "int8"):
        sys.exit(__doc__)
    graph = Graph(SHAPES[sys.argv[1]].cut(int(sys.argv[2])), sys.argv[3])
    openvino.save_model(graph.model(), sys.argv[4], compress_to_fp16=False)

import pytest
import torch

from alrun.models import infer
from alrun.models.linear import Linear
from alrun.models.outputs import Needs
from alrun.models.streamed_outputs import StreamedOutputs
from alrun.selection.points import Dense

COUNT, CHUNK = 61, 8
ROWS = torch.randn(100, 6, generator=torch.Generator().manual_seed(0)).half()
NEEDS = Needs(log_probs=True, embedding=True)


@pytest.fixture
def model() -> Linear:
    made = Linear(6, 4)
    torch.nn.init.normal_(made.head.weight, generator=torch.Generator().manual_seed(1))
    return made


@pytest.fixture
def read(model):
    def record(index, needs, passed=lambda examples: None):
        return infer.record(model, ROWS, index, needs, lambda rows: rows.float(), CHUNK, passed)

    return record


@pytest.fixture
def index() -> torch.Tensor:
    return torch.randperm(100, generator=torch.Generator().manual_seed(2))[:COUNT].sort().values


@pytest.mark.parametrize("chunks", [1, 3, 50])
def test_parts_are_the_outputs_of_one_pass_bit_by_bit(read, index, chunks):
    whole, passed = read(index, NEEDS), []
    parts = list(StreamedOutputs(index, NEEDS, read, chunks * CHUNK, passed.append).parts())
    assert torch.cat([part.log_probs for part in parts]).equal(whole.log_probs)
    assert torch.cat([part.embedding for part in parts]).equal(whole.embedding)
    assert torch.cat([part.index for part in parts]).equal(index)
    assert max(map(len, parts)) <= chunks * CHUNK
    assert passed == [CHUNK] * 7 + [5]


def test_some_are_read_in_ascending_order_and_given_in_the_order_asked_for(read, index):
    orders = []
    outputs = StreamedOutputs(index, NEEDS, lambda at, *rest: orders.append(at) or read(at, *rest), CHUNK)
    positions = torch.tensor([40, 3, 17, 3])
    some = outputs.take(positions)
    assert some.index.equal(index[positions])
    assert some.embedding.equal(ROWS[index[positions]].float())
    assert orders[0].equal(index[positions].sort().values)


def test_points_and_gradients_are_those_of_outputs_in_memory(read, index):
    streamed, whole = StreamedOutputs(index, Needs(gradient=True), read, CHUNK), read(index, Needs(gradient=True))
    assert isinstance(whole.points, Dense)
    assert streamed.points.take(slice(5, 30)).x.equal(whole.embedding[5:30])
    assert streamed.gradient.take(slice(8, 16)).a.equal(whole.gradient.a[8:16])
    assert streamed.gradient.sqnorm.allclose(whole.gradient.sqnorm)


def test_outputs_of_all_are_never_in_memory(read, index):
    with pytest.raises(RuntimeError, match=r"outputs are streamed: outputs\.log_probs of all 61"):
        StreamedOutputs(index, NEEDS, read, CHUNK).log_probs  # noqa: B018

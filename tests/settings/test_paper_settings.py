import pytest

# Table 3 of the paper; labels at the end from the public notebooks.
TABLE_3 = [
    ("cifar10", "resnet18", 300, 0.01, 20, 3000, 1000, 25000),
    ("cifar100", "resnet18", 300, 0.01, 20, 5000, 5000, 50000),
    ("mnist", "mnist_net", 300, 0.01, 20, 1000, 300, 15300),
    ("fashion_mnist", "resnet18", 150, 0.01, 64, 1000, 1000, 15000),
    ("svhn", "resnet18", 150, 0.01, 64, 1000, 1000, 18000),
]


@pytest.mark.parametrize("row", TABLE_3, ids=lambda row: "-".join(row[:2]))
def test_a_data_set_alone_composes_its_row_of_table_3(composed, row):
    dataset, model, epochs, lr, batch, al_batch, seed_size, total = row
    cfg = composed(f"dataset={dataset}", hydra=True)
    assert cfg.hydra.runtime.choices.model == model
    assert (cfg.training.max_epochs, cfg.optimizer.lr, cfg.training.batch_size) == (epochs, lr, batch)
    wanted = {"seed_size": seed_size, "batch_size": al_batch, "total": total, "until_accuracy": None}
    assert cfg.budget == wanted
    assert (cfg.training.stop_accuracy, cfg.training.reset, cfg.training.patience) == (0.99, True, 10)
    sgd = cfg.optimizer.build
    assert (sgd._target_, sgd.lr, sgd.momentum, sgd.weight_decay) == ("torch.optim.SGD", lr, 0.9, 5e-4)
    assert cfg.optimizer.schedule.T_max == epochs


PAIRS = [
    ("cifar10", "vgg19", 300, 0.01, 128, 3000, 1000, 25000),
    ("cifar10", "dla", 300, 0.01, 20, 3000, 1000, 25000),
    ("svhn", "vgg19", 300, 0.001, 32, 1000, 1000, 18000),
    ("cifar10", "shake_shake", 300, 0.01, 20, 3000, 1000, 25000),
    ("cifar10", "shake_shake_resnet18", 300, 0.01, 20, 3000, 1000, 25000),  # Table 5
]


@pytest.mark.parametrize("row", PAIRS, ids=lambda row: "-".join(row[:2]))
def test_other_networks_bring_their_row(composed, row):
    dataset, model, epochs, lr, batch, al_batch, seed_size, total = row
    cfg = composed(f"dataset={dataset}", f"model={model}")
    assert cfg.optimizer.build._target_ == "torch.optim.SGD"
    assert (cfg.training.max_epochs, cfg.optimizer.lr, cfg.training.batch_size) == (epochs, lr, batch)
    wanted = {"seed_size": seed_size, "batch_size": al_batch, "total": total, "until_accuracy": None}
    assert cfg.budget == wanted


def test_the_command_line_wins_over_the_row(composed):
    cfg = composed("dataset=cifar10", "batch_size=b1000", "training.max_epochs=5", "augmentation=none")
    assert (cfg.budget.batch_size, cfg.budget.total, cfg.training.max_epochs) == (1000, 25000, 5)
    assert cfg.augmentation._target_ == "alrun.data.augmentation.NoAugmentation"
    assert composed("dataset=cifar10", "optimizer=adam").optimizer.lr == 0.01  # Table 5: Adam at 0.01


def test_the_fast_recipe_wins_over_the_row_and_the_command_line_over_both(composed):
    cfg = composed("dataset=svhn", "optimizer=fast", "training.batch_size=100")
    assert cfg.baseline == "Table 3, SVHN ResNet-18"
    assert (cfg.training.max_epochs, cfg.training.batch_size) == (80, 100)
    assert (cfg.training.stop_accuracy, cfg.training.patience) == (None, None)
    assert (cfg.optimizer.lr, cfg.optimizer.label_smoothing) == (0.02, 0.1)
    assert cfg.optimizer.schedule.total_steps == 80
    assert cfg.budget.total == 18000  # of the row

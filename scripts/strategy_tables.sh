#!/bin/sh
# The tables of make strategies: scripts/strategy_tables.sh cifar10 ARGS...; PY is the Python that has alrun.
# Each has less than a megabyte: the strategies that the findings are about, the others by repeats, and ensembles.
set -e
data=$1
shift
core=random,margin,entropy,badge,coreset,least_confidence
elsewhere=$(sed -n 's/.*exclude=\[\(.*\)\].*/\1/p' "conf/experiment/strategies/$data.yaml")
others="glob(*,exclude=[$core,$elsewhere])"
table() {
	folder=$1
	shift
	"$PY" -m alrun results --lean -o "results/strategies/$folder" "$@"
}
table "$data" experiment="strategies/$data" "strategy=$core" "$@"
table "${data}_others_1" experiment="strategies/$data" "strategy=$others" "seed=range(10)" "$@"
table "${data}_others_2" experiment="strategies/$data" "strategy=$others" "seed=range(10,20)" "$@"
table "${data}_ensemble" experiment="strategies/${data}_ensemble" "$@"

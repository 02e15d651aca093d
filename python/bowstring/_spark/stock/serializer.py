"""What stands in place of stock's serializers for a native object that takes the whole data section."""


class NativeSerializer:
    """Both at once: the native object reads, calls the user's function and writes, all in `dump_stream`."""

    def __init__(self, native):
        self.dump_stream = native.dump_stream

    def load_stream(self, infile):
        """Stands for the groups until `dump_stream` gets it back; reads nothing."""
        return infile


def alone(native):
    """The answer of `read_udfs` for a native object that calls the user's function itself."""
    return (lambda split_index, infile: infile), NativeSerializer(native)

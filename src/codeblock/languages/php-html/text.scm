; What stands outside of the tags is text, and so are the tags around it.
(text) @item.docstring
(text_interpolation) @item.docstring
(text_interpolation (php_end_tag) @item.absorb)
(text_interpolation (php_tag) @item.absorb)
(text_interpolation (text) @item.absorb)

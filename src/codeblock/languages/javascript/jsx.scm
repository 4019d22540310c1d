; JSX, in JavaScript and TSX.

(jsx_attribute (property_identifier) @ignore)

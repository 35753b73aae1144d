//! Play sessions of a viewer at a part.

package mapping

// node is a part of an expression.
type node interface{ offset() int }

type pos int

func (p pos) offset() int { return int(p) }

type (
	literalNode struct {
		pos
		value any // string, float64, bool, nil
	}
	nameNode struct { // an attribute, or #root
		pos
		name string
	}
	rootNode   struct{ pos }
	thisNode   struct{ pos }
	memberNode struct { // base.name, base?.name
		pos
		base node
		name string
	}
	indexNode struct { // base[key]
		pos
		base, key node
	}
	eachNode struct { // base.![body], base.?[body], base.^[body], base.$[body]
		pos
		op         byte
		base, body node
	}
	callNode struct { // #family.function(args)
		pos
		function string
		args     []node
	}
	unaryNode struct {
		pos
		op string
		x  node
	}
	binaryNode struct {
		pos
		op   string
		x, y node
	}
	ternaryNode struct {
		pos
		condition, yes, no node
	}
	elvisNode struct {
		pos
		x, otherwise node
	}
	listNode struct {
		pos
		elements []node
	}
	mapNode struct {
		pos
		keys, values []node
	}
)
